"""YOLOX-Nano with the paper's localization: K = 8 buckets a side around the box that YOLOX regresses.

All layers of YOLOX start from its weights; one layer a level is new, and starts such that boxes are YOLOX's own.
"""

_base_ = './yolox_nano.py'

model = dict(
    bbox_head=dict(
        type='BucketYOLOXHead',
        bbox_coder=dict(type='SideBucketCoder', num_buckets=8),
        loss_bucket=dict(type='BucketLoss', loss_weight=0.25),
        loss_offset=dict(type='BucketOffsetLoss', loss_weight=0.25),
    )
)
