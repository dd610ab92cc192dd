"""The demo's third row: the 50 labeled images alone for as long as teacher and student together.

tools/train.py configs/demo/supervised.py
"""

_base_ = './teacher.py'

train_cfg = dict(max_iters=800, val_interval=800)
work_dir = 'work_dirs/demo/supervised'
