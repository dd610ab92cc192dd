"""Losses that mmdet does not have."""

from .bucket_losses import BucketLoss, BucketOffsetLoss
from .softmax_focal_loss import SoftmaxFocalLoss, softmax_focal_loss

__all__ = ['BucketLoss', 'BucketOffsetLoss', 'SoftmaxFocalLoss', 'softmax_focal_loss']
