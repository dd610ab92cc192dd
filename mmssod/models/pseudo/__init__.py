"""What fills the slots: labelers, mergers, selectors, the class balancer."""

from .class_balancer import ClassBalancer
from .dual_teacher import DualTeacher
from .labelers import EMATeacher, FrozenTeacher, Labeler, SelfLabeler, build_labeler
from .memory import PseudoLabelMemory
from .mergers import KeepCandidates
from .mixers import KeepImages
from .selectors import ThresholdSelector
from .statistics import PseudoLabelStatistics

__all__ = [
    'ClassBalancer',
    'DualTeacher',
    'EMATeacher',
    'FrozenTeacher',
    'KeepCandidates',
    'KeepImages',
    'Labeler',
    'PseudoLabelMemory',
    'PseudoLabelStatistics',
    'SelfLabeler',
    'ThresholdSelector',
    'build_labeler',
]
