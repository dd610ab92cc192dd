"""The teacher of the demo with RetinaNet.

tools/train.py configs/demo/teacher_retinanet.py
"""

_base_ = [
    '../_base_/models/retinanet_lite.py',
    '../_base_/datasets/demo.py',
    '../_base_/adamw_lite.py',
    '../_base_/default_runtime.py',
]

train_cfg = dict(max_iters=400, val_interval=400)
model = dict(bbox_head=dict(num_classes=10))
default_hooks = dict(checkpoint=dict(interval=200))
work_dir = 'work_dirs/demo/teacher_retinanet'
