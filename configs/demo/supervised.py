"""The demo's third row: the 100 labeled images alone for as long as teacher and student together.

tools/train.py configs/demo/supervised.py
"""

_base_ = './teacher.py'

max_iters = 800
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
work_dir = 'work_dirs/demo/supervised'
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=100),
    dict(
        type='MultiStepLR',
        by_epoch=False,
        milestones=[max_iters * 2 // 3, max_iters * 8 // 9],
        gamma=0.1,
    ),
]
