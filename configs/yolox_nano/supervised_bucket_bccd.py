"""As supervised_bccd.py with the paper's localization.

tools/train.py configs/yolox_nano/supervised_bucket_bccd.py
"""

_base_ = [
    '../_base_/models/yolox_nano_bucket.py',
    '../_base_/datasets/bccd_320.py',
    '../_base_/adamw_lite.py',
    '../_base_/default_runtime.py',
]

train_cfg = dict(max_iters=1500, val_interval=250)
model = dict(bbox_head=dict(num_classes=3))
default_hooks = dict(
    checkpoint=dict(interval=250), freeze_bn=dict(type='FreezeBatchNormHook', parts=[''])
)
load_from = 'yolox_nano'
