"""What fills the slots: labelers, mergers, selectors, the class balancer."""

from .class_balancer import ClassBalancer
from .labelers import EMATeacher, FrozenTeacher, Labeler, SelfLabeler, build_labeler
from .mergers import KeepCandidates
from .mixers import KeepImages
from .rescoring_teacher import RescoringTeacher
from .selectors import ThresholdSelector
from .statistics import PseudoLabelStatistics

__all__ = [
    'ClassBalancer',
    'EMATeacher',
    'FrozenTeacher',
    'KeepCandidates',
    'KeepImages',
    'Labeler',
    'PseudoLabelStatistics',
    'RescoringTeacher',
    'SelfLabeler',
    'ThresholdSelector',
    'build_labeler',
]
