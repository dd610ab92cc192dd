"""Detectors, heads, coder, and the parts that a method is made of."""

from .assigners import BestBoxAssigner, PointAssigner, SimOTAAssigner
from .backbones import EfficientNetLite
from .bbox_coders import SideBucketCoder
from .bbox_heads import FCBucketHead, SideAwareBucketHead
from .data_preprocessors import BranchDataPreprocessor
from .dense_heads import BucketYOLOXHead
from .detectors import (
    ConsistencyDetector,
    CoRectifyDetector,
    PseudoLabelDetector,
    SoftTeacherDetector,
    WBFEnsemble,
)
from .losses import BucketLoss, BucketOffsetLoss, SoftmaxFocalLoss
from .pseudo import (
    ClassBalancer,
    DualTeacher,
    EMATeacher,
    FrozenTeacher,
    GivenLabels,
    KeepCandidates,
    KeepImages,
    LabelBank,
    MatchingBalancer,
    MixUp,
    PseudoLabelMemory,
    RandomMixer,
    RescoringTeacher,
    SelfLabeler,
    SoftSelector,
    ThresholdSelector,
    TwoImageMosaic,
)
from .roi_heads import (
    CertaintyCascadeRoIHead,
    CertaintyRoIHead,
    DualRoIHead,
    OverlapWeightedRoIHead,
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
    'CoRectifyDetector',
    'ConsistencyDetector',
    'DualRoIHead',
    'DualTeacher',
    'EMATeacher',
    'EfficientNetLite',
    'FCBucketHead',
    'FrozenTeacher',
    'GivenLabels',
    'KeepCandidates',
    'KeepImages',
    'LabelBank',
    'MatchingBalancer',
    'MixUp',
    'PointAssigner',
    'PseudoLabelDetector',
    'RandomMixer',
    'OverlapWeightedRoIHead',
    'PseudoLabelMemory',
    'SelfLabeler',
    'SideAwareBucketHead',
    'SideBucketCoder',
    'SimOTAAssigner',
    'SoftSelector',
    'SoftmaxFocalLoss',
    'RescoringTeacher',
    'SoftTeacherDetector',
    'ThresholdSelector',
    'TwoImageMosaic',
    'WBFEnsemble',
]
