"""Teacher of the lite detector with buckets on bccd.

tools/train.py configs/lite/teacher_bccd.py
"""

_base_ = [
    '../_base_/models/faster_rcnn_lite_bucket.py',
    '../_base_/datasets/bccd.py',
    '../_base_/adamw_lite.py',
    '../_base_/default_runtime.py',
]

train_cfg = dict(max_iters=400, val_interval=400)
# 13 boxes per image need more RoIs than the lite detector's 64.
model = dict(
    roi_head=dict(bbox_head=dict(num_classes=3)),
    train_cfg=dict(rcnn=dict(sampler=dict(num=128))),
)
default_hooks = dict(checkpoint=dict(interval=200))
