"""YOLOX-Nano with the paper's localization: 8 buckets a side, around the box that YOLOX regresses.

YOLOX's weights start all of its layers; one layer per level is new, and starts such that the boxes are YOLOX's own.
"""

_base_ = './yolox_nano.py'

model = dict(
    bbox_head=dict(
        type='BucketYOLOXHead',
        bbox_coder=dict(type='SideBucketCoder', num_buckets=8, scale_factor=1.7),
    )
)
