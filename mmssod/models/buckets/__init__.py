"""The paper's localization: each box side is classified into one of K buckets, plus an offset. Coder, heads, losses."""

from .bucket_head import BucketHead
from .bucket_losses import BucketLoss, BucketOffsetLoss
from .bucket_yolox_head import BucketYOLOXHead
from .fc_bucket_head import FCBucketHead
from .side_aware_bucket_head import SideAwareBucketHead
from .side_bucket_coder import BucketTargets, SideBucketCoder

__all__ = [
    'BucketHead',
    'BucketLoss',
    'BucketOffsetLoss',
    'BucketTargets',
    'BucketYOLOXHead',
    'FCBucketHead',
    'SideAwareBucketHead',
    'SideBucketCoder',
]
