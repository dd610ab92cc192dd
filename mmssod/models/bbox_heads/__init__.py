"""Box heads that localize by a choice among buckets."""

from .bucket_head import BucketHead
from .fc_bucket_head import FCBucketHead
from .side_aware_bucket_head import SideAwareBucketHead

__all__ = ['BucketHead', 'FCBucketHead', 'SideAwareBucketHead']
