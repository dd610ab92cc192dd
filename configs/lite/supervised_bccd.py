"""Labeled images alone for as long as teacher and student together: what longer training gives by itself.

tools/train.py configs/lite/supervised_bccd.py
"""

_base_ = './teacher_bccd.py'

train_cfg = dict(max_iters=800, val_interval=800)
