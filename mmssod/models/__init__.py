"""Detectors, heads, coder, and the parts that a method is made of."""

from .backbones import EfficientNetLite
from .bbox_coders import SideBucketCoder
from .bbox_heads import FCBucketHead, SideAwareBucketHead
from .detectors import PseudoLabelDetector, WBFEnsemble
from .pseudo import (
    ClassBalancer,
    DualTeacher,
    EMATeacher,
    FrozenTeacher,
    KeepCandidates,
    KeepImages,
    PseudoLabelMemory,
    SelfLabeler,
    ThresholdSelector,
)
from .roi_heads import CertaintyRoIHead, DualRoIHead, OverlapWeightedRoIHead

__all__ = [
    'CertaintyRoIHead',
    'ClassBalancer',
    'DualRoIHead',
    'DualTeacher',
    'EMATeacher',
    'EfficientNetLite',
    'FCBucketHead',
    'FrozenTeacher',
    'KeepCandidates',
    'KeepImages',
    'OverlapWeightedRoIHead',
    'PseudoLabelDetector',
    'PseudoLabelMemory',
    'SelfLabeler',
    'SideAwareBucketHead',
    'SideBucketCoder',
    'ThresholdSelector',
    'WBFEnsemble',
]
