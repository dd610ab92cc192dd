"""The teacher of the demo's baseline: plain box regression instead of buckets.

tools/train.py configs/demo/teacher_plain.py
"""

_base_ = [
    '../_base_/models/faster_rcnn_lite.py',
    '../_base_/datasets/demo.py',
    '../_base_/lite_recipe.py',
    '../_base_/default_runtime.py',
]

max_iters = 400
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
model = dict(roi_head=dict(bbox_head=dict(num_classes=10)))
default_hooks = dict(checkpoint=dict(interval=200))
work_dir = 'work_dirs/demo/teacher_plain'
