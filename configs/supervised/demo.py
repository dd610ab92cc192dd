"""Supervised at demo scale with plain box regression: to compare with recipes whose detector has no buckets.

The 50 labeled images alone for as long as teacher and student together; with buckets it is configs/demo/supervised.py.

    tools/train.py configs/supervised/demo.py
"""

_base_ = '../demo/teacher_plain.py'

train_cfg = dict(max_iters=800, val_interval=800)
work_dir = 'work_dirs/supervised_demo'
