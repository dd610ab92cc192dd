"""Teacher of the lite detector with buckets on voc12mini.

tools/train.py configs/lite/teacher_voc12mini.py
"""

_base_ = [
    '../_base_/models/faster_rcnn_lite_bucket.py',
    '../_base_/datasets/voc12mini.py',
    '../_base_/lite_recipe.py',
    '../_base_/default_runtime.py',
]

max_iters = 1000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=100),
    dict(
        type='MultiStepLR',
        by_epoch=False,
        milestones=[max_iters * 2 // 3, max_iters * 8 // 9],
        gamma=0.1,
    ),
]
model = dict(backbone=dict(frozen_stages=3), roi_head=dict(bbox_head=dict(num_classes=20)))
default_hooks = dict(checkpoint=dict(interval=200))
