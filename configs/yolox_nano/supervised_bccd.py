"""YOLOX-Nano from COCO on the labeled images of bccd alone, batch norm fixed.

tools/train.py configs/yolox_nano/supervised_bccd.py
"""

_base_ = [
    '../_base_/models/yolox_nano.py',
    '../_base_/datasets/bccd_416.py',
    '../_base_/adamw_lite.py',
    '../_base_/default_runtime.py',
]

train_cfg = dict(max_iters=900, val_interval=150)
model = dict(bbox_head=dict(num_classes=3))
default_hooks = dict(
    checkpoint=dict(interval=150),
    freeze_bn=dict(type='FreezeBatchNormHook', parts=['']),
    speed=dict(type='SpeedHook', channels_last=True),
)
load_from = 'yolox_nano'
