"""Labeled images alone for as many seconds as teacher and student together: what longer training gives by itself.

tools/train.py configs/yolox_nano/supervised_voc12mini.py
"""

_base_ = './teacher_voc12mini.py'

train_cfg = dict(max_iters=2150, val_interval=215)
