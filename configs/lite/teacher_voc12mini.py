"""Teacher of the lite detector with buckets on voc12mini.

tools/train.py configs/lite/teacher_voc12mini.py
"""

_base_ = [
    '../_base_/models/faster_rcnn_lite_bucket.py',
    '../_base_/datasets/voc12mini.py',
    '../_base_/adamw_lite.py',
    '../_base_/default_runtime.py',
]

train_cfg = dict(max_iters=1600, val_interval=1600)
# As usual in detection, the first stages keep their ImageNet weights.
model = dict(backbone=dict(frozen_stages=3), roi_head=dict(bbox_head=dict(num_classes=20)))
default_hooks = dict(checkpoint=dict(interval=400))
