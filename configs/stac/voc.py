"""STAC on VOC: Table 1b, row "STAC". The teacher is teacher_voc.py, which says where size and rate come from.

As the paper prints it: 77.4 AP50, 44.6 AP; not run here: needs VOC and 8 GPUs. The student starts from ImageNet. Half
the teacher's rate and twice its weight decay: the losses of a step are halved in the source.

    tools/dist_train.sh configs/stac/voc.py 8
"""

_base_ = ['../_base_/semi_voc.py', '../_base_/stac.py']

work_dir = 'work_dirs/stac_voc'
train_cfg = dict(max_iters=20000, val_interval=5000)
optim_wrapper = dict(optimizer=dict(_base_.stac_optimizer, lr=0.004))
param_scheduler = [dict(type='ShareStepLR', shares=(3 / 8, 3 / 4), gamma=0.3, by_epoch=False)]
auto_scale_lr = dict(base_batch_size=16)

detector = dict(_base_.stac_detector, **_base_.voc_settings)
teacher = 'work_dirs/stac_teacher_voc/iter_10000.pth'
model = dict(detector=detector, labeler=dict(checkpoint=teacher), **_base_.stac)
views = dict(
    type='MultiBranch',
    branch_field=_base_.branches,
    weak=dict(type='Steps', resize=_base_.file_size, pack=_base_.pack),
    strong=dict(type='Steps', resize=_base_.voc_resize, **_base_.stac_steps, pack=_base_.pack),
)
unlabeled = dict(_delete_=True, load=_base_.labeled_steps.load, views=views)
train_dataloader = dict(
    dataset=dict(
        labeled=dict(pipeline=dict(resize=_base_.voc_resize)), unlabeled=dict(pipeline=unlabeled)
    )
)
test_pipeline = [_base_.test_pipeline[0], _base_.voc_resize, *_base_.test_pipeline[2:]]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
