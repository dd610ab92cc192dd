"""Your teacher: the lite detector with buckets on your labeled images (paths and classes: data.py).

tools/train.py configs/own_data/teacher.py
"""

_base_ = [
    '../_base_/models/faster_rcnn_lite_bucket.py',
    './data.py',
    '../_base_/adamw_lite.py',
    '../_base_/default_runtime.py',
]

train_cfg = dict(max_iters=_base_.iterations, val_interval=_base_.iterations)
work_dir = 'work_dirs/own_data/teacher'
model = dict(roi_head=dict(bbox_head=dict(num_classes=len(_base_.classes))))
default_hooks = dict(checkpoint=dict(interval=200))
