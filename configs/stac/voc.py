"""STAC on VOC: Table 1b, row "STAC". The teacher is teacher_voc.py, which says where size and schedule come from.

As the paper prints it: 77.4 AP50, 44.6 AP; not run here: needs VOC and 8 GPUs. The student starts from ImageNet.

    tools/dist_train.sh configs/stac/voc.py 8
"""

_base_ = ['../_base_/semi_voc.py', '../_base_/stac.py']

work_dir = 'work_dirs/stac_voc'
train_cfg = dict(max_iters=20000, val_interval=5000)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(type='ShareStepLR', shares=(3 / 8, 3 / 4), gamma=0.3, by_epoch=False),
]
auto_scale_lr = dict(base_batch_size=16)

detector = dict(train_cfg=dict(rcnn=dict(sampler=dict(num=256))))
teacher = 'work_dirs/stac_teacher_voc/iter_10000.pth'
model = dict(detector=detector, labeler=dict(checkpoint=teacher), **_base_.stac)
scale = (1000, 800)
resize = dict(pipeline=dict(resize=dict(scale=scale)))
views = dict(
    weak=dict(flip=dict(prob=0.0)),
    strong=dict(_delete_=True, type='Steps', **_base_.stac_steps, pack=_base_.pack),
)
train_dataloader = dict(
    dataset=dict(labeled=resize, unlabeled=dict(pipeline=dict(**resize['pipeline'], views=views)))
)
test_edge = dict(_base_.test_edge, scale=scale)
test_pipeline = [_base_.test_pipeline[0], test_edge, *_base_.test_pipeline[2:]]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
