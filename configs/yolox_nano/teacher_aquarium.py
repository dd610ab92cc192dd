"""YOLOX-Nano from COCO on the labeled images of aquarium, which the student starts from.

Batch norm, stem and first stage are fixed.

tools/train.py configs/yolox_nano/teacher_aquarium.py
"""

_base_ = [
    '../_base_/models/yolox_nano.py',
    '../_base_/datasets/aquarium_416.py',
    '../_base_/adamw_lite.py',
    '../_base_/default_runtime.py',
]

train_cfg = dict(max_iters=800, val_interval=400)
model = dict(backbone=dict(frozen_stages=1), bbox_head=dict(num_classes=7))
default_hooks = dict(
    checkpoint=dict(interval=400),
    freeze_bn=dict(type='FreezeBatchNormHook', parts=['']),
    speed=dict(type='SpeedHook', channels_last=True, fused_optimizer=True, keep_memory=True),
)
load_from = 'yolox_nano'
