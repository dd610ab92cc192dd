"""Detectors, heads, coder, and the parts that a method is made of."""

from .backbones import EfficientNetLite
from .bbox_coders import SideBucketCoder
from .bbox_heads import FCBucketHead, SideAwareBucketHead
from .detectors import ConsistencyDetector, PseudoLabelDetector, SoftTeacherDetector
from .pseudo import (
    ClassBalancer,
    EMATeacher,
    FrozenTeacher,
    KeepCandidates,
    KeepImages,
    RescoringTeacher,
    SelfLabeler,
    ThresholdSelector,
)
from .roi_heads import CertaintyCascadeRoIHead, CertaintyRoIHead

__all__ = [
    'CertaintyCascadeRoIHead',
    'CertaintyRoIHead',
    'ClassBalancer',
    'ConsistencyDetector',
    'EMATeacher',
    'EfficientNetLite',
    'FCBucketHead',
    'FrozenTeacher',
    'KeepCandidates',
    'KeepImages',
    'PseudoLabelDetector',
    'RescoringTeacher',
    'SelfLabeler',
    'SideAwareBucketHead',
    'SideBucketCoder',
    'SoftTeacherDetector',
    'ThresholdSelector',
]
