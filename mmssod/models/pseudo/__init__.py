"""What fills the slots: labelers, mergers, selectors, mixers, the class balancer."""

from mmssod.label_bank.labeler import LabelBank

from .class_balancer import ClassBalancer
from .dual_teacher import DualTeacher
from .labelers import EMATeacher, FrozenTeacher, GivenLabels, Labeler, SelfLabeler, build_labeler
from .matching_balancer import MatchingBalancer
from .memory import PseudoLabelMemory
from .mergers import KeepCandidates
from .mixers import KeepImages, MixUp, PairMixer, RandomMixer, TwoImageMosaic
from .rescoring_teacher import RescoringTeacher
from .selectors import SoftSelector, ThresholdSelector
from .statistics import PseudoLabelStatistics

__all__ = [
    'ClassBalancer',
    'DualTeacher',
    'EMATeacher',
    'FrozenTeacher',
    'GivenLabels',
    'KeepCandidates',
    'KeepImages',
    'LabelBank',
    'Labeler',
    'MatchingBalancer',
    'MixUp',
    'PairMixer',
    'PseudoLabelMemory',
    'PseudoLabelStatistics',
    'RandomMixer',
    'RescoringTeacher',
    'SelfLabeler',
    'SoftSelector',
    'ThresholdSelector',
    'TwoImageMosaic',
    'build_labeler',
]
