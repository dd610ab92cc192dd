"""STAC's teacher on VOC07 trainval: short side 600, long side at most 1000, in training and tests.

The paper prints no figure for teachers; not run here: needs VOC and 8 GPUs. The public code takes one image per step,
80k steps at a rate of 0.001 without a warm-up: as images, 10k steps of 8 at 0.008.

    tools/dist_train.sh configs/stac/teacher_voc.py 8
"""

_base_ = ['../supervised/voc.py', '../_base_/stac.py']

work_dir = 'work_dirs/stac_teacher_voc'
train_cfg = dict(max_iters=10000, val_interval=5000)
optim_wrapper = dict(optimizer=dict(lr=0.008))
param_scheduler = [dict(type='ShareStepLR', shares=(3 / 4,), gamma=0.1, by_epoch=False)]

model = _base_.stac_detector
model.update(_base_.voc_settings)
train_dataloader = dict(
    batch_size=1,
    sampler=dict(counts=dict(labeled=1)),
    dataset=dict(labeled=dict(pipeline=dict(resize=_base_.voc_resize))),
)
test_pipeline = [_base_.test_pipeline[0], _base_.voc_resize, *_base_.test_pipeline[2:]]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
