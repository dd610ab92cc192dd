"""Detectors, heads, coder, and the parts that a method is made of."""

from .backbones import EfficientNetLite
from .bbox_coders import SideBucketCoder
from .bbox_heads import FCBucketHead, SideAwareBucketHead
from .detectors import CoRectifyDetector, PseudoLabelDetector
from .losses import SoftmaxFocalLoss
from .pseudo import (
    ClassBalancer,
    EMATeacher,
    FrozenTeacher,
    GivenLabels,
    KeepCandidates,
    KeepImages,
    MixUp,
    RandomMixer,
    SelfLabeler,
    SoftSelector,
    ThresholdSelector,
    TwoImageMosaic,
)
from .roi_heads import CertaintyRoIHead

__all__ = [
    'CertaintyRoIHead',
    'ClassBalancer',
    'CoRectifyDetector',
    'EMATeacher',
    'EfficientNetLite',
    'FCBucketHead',
    'FrozenTeacher',
    'GivenLabels',
    'KeepCandidates',
    'KeepImages',
    'MixUp',
    'PseudoLabelDetector',
    'RandomMixer',
    'SelfLabeler',
    'SideAwareBucketHead',
    'SideBucketCoder',
    'SoftSelector',
    'SoftmaxFocalLoss',
    'ThresholdSelector',
    'TwoImageMosaic',
]
