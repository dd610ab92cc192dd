"""Teacher of the lite detector with buckets on the aquarium.

tools/train.py configs/lite/teacher_aquarium.py
"""

_base_ = [
    '../_base_/models/faster_rcnn_lite_bucket.py',
    '../_base_/datasets/aquarium.py',
    '../_base_/adamw_lite.py',
    '../_base_/default_runtime.py',
]

train_cfg = dict(max_iters=500, val_interval=500)
model = dict(roi_head=dict(bbox_head=dict(num_classes=7)))
default_hooks = dict(checkpoint=dict(interval=250))
