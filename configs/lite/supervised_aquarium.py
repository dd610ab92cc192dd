"""Labeled images alone for as long as teacher and student together: what longer training gives by itself.

tools/train.py configs/lite/supervised_aquarium.py
"""

_base_ = './teacher_aquarium.py'

train_cfg = dict(max_iters=1000, val_interval=1000)
