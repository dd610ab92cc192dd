"""Detectors, heads, coder, and the parts that a method is made of."""

from .backbones import EfficientNetLite
from .bbox_coders import SideBucketCoder
from .bbox_heads import FCBucketHead, SideAwareBucketHead
from .detectors import PseudoLabelDetector
from .losses import SoftmaxFocalLoss
from .pseudo import (
    ClassBalancer,
    EMATeacher,
    FrozenTeacher,
    KeepCandidates,
    KeepImages,
    SelfLabeler,
    ThresholdSelector,
)
from .roi_heads import CertaintyRoIHead

__all__ = [
    'CertaintyRoIHead',
    'ClassBalancer',
    'EMATeacher',
    'EfficientNetLite',
    'FCBucketHead',
    'FrozenTeacher',
    'KeepCandidates',
    'KeepImages',
    'PseudoLabelDetector',
    'SelfLabeler',
    'SideAwareBucketHead',
    'SideBucketCoder',
    'SoftmaxFocalLoss',
    'ThresholdSelector',
]
