"""Detectors, heads, the box coder, and the parts that methods are built from."""

from .assigners import BestBoxAssigner, PointAssigner, SimOTAAssigner
from .backbones import EfficientNetLite
from .buckets import (
    BucketLoss,
    BucketOffsetLoss,
    BucketYOLOXHead,
    FCBucketHead,
    SideAwareBucketHead,
    SideBucketCoder,
)
from .data_preprocessors import BranchDataPreprocessor
from .detectors import (
    PseudoLabelDetector,
)
from .pseudo import (
    ClassBalancer,
    EMATeacher,
    FrozenTeacher,
    KeepCandidates,
    KeepImages,
    MatchingBalancer,
    MixUp,
    RandomMixer,
    SelfLabeler,
    ThresholdSelector,
    TwoImageMosaic,
)
from .roi_heads import (
    CertaintyCascadeRoIHead,
    CertaintyRoIHead,
)

__all__ = [
    'BestBoxAssigner',
    'BranchDataPreprocessor',
    'BucketLoss',
    'BucketOffsetLoss',
    'BucketYOLOXHead',
    'CertaintyCascadeRoIHead',
    'CertaintyRoIHead',
    'ClassBalancer',
    'EMATeacher',
    'EfficientNetLite',
    'FCBucketHead',
    'FrozenTeacher',
    'KeepCandidates',
    'KeepImages',
    'MatchingBalancer',
    'MixUp',
    'PointAssigner',
    'PseudoLabelDetector',
    'RandomMixer',
    'SelfLabeler',
    'SideAwareBucketHead',
    'SideBucketCoder',
    'SimOTAAssigner',
    'ThresholdSelector',
    'TwoImageMosaic',
]
