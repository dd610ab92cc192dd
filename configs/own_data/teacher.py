"""Your teacher: the lite detector with buckets on your labeled images (paths and classes: data.py).

tools/train.py configs/own_data/teacher.py
"""

_base_ = [
    '../_base_/models/faster_rcnn_lite_bucket.py',
    './data.py',
    '../_base_/lite_recipe.py',
    '../_base_/default_runtime.py',
]

max_iters = 1000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
work_dir = 'work_dirs/own_data/teacher'
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=100),
    dict(
        type='MultiStepLR',
        by_epoch=False,
        milestones=[max_iters * 2 // 3, max_iters * 8 // 9],
        gamma=0.1,
    ),
]
model = dict(roi_head=dict(bbox_head=dict(num_classes=len(_base_.classes))))
default_hooks = dict(checkpoint=dict(interval=200))
