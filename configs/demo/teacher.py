"""The demo's teacher: the lite detector with buckets on 50 labeled images.

tools/train.py configs/demo/teacher.py
"""

_base_ = [
    '../_base_/models/faster_rcnn_lite_bucket.py',
    '../_base_/datasets/demo.py',
    '../_base_/adamw_lite.py',
    '../_base_/default_runtime.py',
]

train_cfg = dict(max_iters=400, val_interval=400)
work_dir = 'work_dirs/demo/teacher'
model = dict(roi_head=dict(bbox_head=dict(num_classes=10)))
default_hooks = dict(checkpoint=dict(interval=200))
