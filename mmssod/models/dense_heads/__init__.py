"""Heads of one-stage detectors that localize by a choice among buckets."""

from .bucket_yolox_head import BucketYOLOXHead

__all__ = ['BucketYOLOXHead']
