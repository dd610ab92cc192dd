"""Boxes as buckets and offsets."""

from .side_bucket_coder import BucketTargets, SideBucketCoder

__all__ = ['BucketTargets', 'SideBucketCoder']
