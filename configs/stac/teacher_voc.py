"""STAC's teacher on VOC07 trainval: short side 800, long side at most 1000, in training and tests.

The paper prints no figure for teachers; not run here: needs VOC and 8 GPUs. Sizes and schedule: the public code's,
which writes rate and steps for a total of 8 images, as they stand here, and scales them to its one GPU.

    tools/dist_train.sh configs/stac/teacher_voc.py 8
"""

_base_ = ['../supervised/voc.py', '../_base_/stac.py']

work_dir = 'work_dirs/stac_teacher_voc'
train_cfg = dict(max_iters=10000, val_interval=5000)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(type='ShareStepLR', shares=(3 / 4,), gamma=0.1, by_epoch=False),
]

model = dict(train_cfg=dict(rcnn=dict(sampler=dict(num=256))))
scale = (1000, 800)
train_dataloader = dict(
    batch_size=1,
    sampler=dict(counts=dict(labeled=1)),
    dataset=dict(labeled=dict(pipeline=dict(resize=dict(scale=scale)))),
)
test_edge = dict(_base_.test_edge, scale=scale)
test_pipeline = [_base_.test_pipeline[0], test_edge, *_base_.test_pipeline[2:]]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
