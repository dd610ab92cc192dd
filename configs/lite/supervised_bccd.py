"""Labeled images alone for as long as teacher and student together: what longer training gives by itself.

tools/train.py configs/lite/supervised_bccd.py
"""

_base_ = './teacher_bccd.py'

max_iters = 1200
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
