"""Labeled images alone for as long as teacher and student together: what longer training gives by itself.

tools/train.py configs/lite/supervised_voc12mini.py
"""

_base_ = './teacher_voc12mini.py'

train_cfg = dict(max_iters=2600, val_interval=2600)
