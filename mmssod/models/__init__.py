"""Detectors, heads, coder, and the parts that a method is made of."""

from .backbones import EfficientNetLite
from .bbox_coders import SideBucketCoder
from .bbox_heads import FCBucketHead, SideAwareBucketHead
from .detectors import (
    ConsistencyDetector,
    CoRectifyDetector,
    PseudoLabelDetector,
    SoftTeacherDetector,
)
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
    RescoringTeacher,
    SelfLabeler,
    SoftSelector,
    ThresholdSelector,
    TwoImageMosaic,
)
from .roi_heads import CertaintyCascadeRoIHead, CertaintyRoIHead

__all__ = [
    'CertaintyCascadeRoIHead',
    'CertaintyRoIHead',
    'ClassBalancer',
    'CoRectifyDetector',
    'ConsistencyDetector',
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
    'RescoringTeacher',
    'SoftTeacherDetector',
    'ThresholdSelector',
    'TwoImageMosaic',
]
