"""Instant-Teaching on VOC: Table 1b, row "Instant-Teaching".

As the paper prints it: 78.3 AP50, 52.0 AP75, 48.7 AP; not run here: needs VOC and 8 GPUs. The source is its public code
(configs/_base_/instant_teaching.py), which has no config for VOC: batch, image size and RoIs are those for COCO; 90k
iterations are ours.

    tools/dist_train.sh configs/instant_teaching/voc.py 8
"""

_base_ = ['../_base_/semi_voc.py', '../_base_/instant_teaching.py']

work_dir = 'work_dirs/instant_teaching_voc'
train_cfg = dict(max_iters=90000, val_interval=5000)
optim_wrapper = _base_.instant_optimizer
param_scheduler = _base_.instant_schedule
auto_scale_lr = dict(base_batch_size=16)

model = _base_.instant_teaching
random_size = _base_.multi_scale
views = dict(
    type='MultiBranch',
    branch_field=_base_.branches,
    weak=dict(type='Steps', resize=random_size, flip=_base_.labeled_steps.flip, pack=_base_.pack),
    strong=dict(type='Steps', resize=random_size, **_base_.instant_strong, pack=_base_.pack),
)
unlabeled = dict(_delete_=True, load=_base_.labeled_steps.load, views=views)
train_dataloader = dict(
    dataset=dict(
        labeled=dict(pipeline=dict(resize=dict(_delete_=True, **random_size))),
        unlabeled=dict(pipeline=unlabeled),
    )
)
test_pipeline = [_base_.test_pipeline[0], _base_.instant_test_resize, *_base_.test_pipeline[2:]]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
