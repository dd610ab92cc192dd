"""The replaceable parts of the training step: labelers, mergers, selectors, mixers, the class balancer."""

from .class_balancer import ClassBalancer
from .labelers import EMATeacher, FrozenTeacher, Labeler, SelfLabeler, build_labeler
from .matching_balancer import MatchingBalancer
from .mergers import KeepCandidates
from .mixers import KeepImages, MixUp, PairMixer, RandomMixer, TwoImageMosaic
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
    'MatchingBalancer',
    'MixUp',
    'PairMixer',
    'PseudoLabelStatistics',
    'RandomMixer',
    'RescoringTeacher',
    'SelfLabeler',
    'ThresholdSelector',
    'TwoImageMosaic',
    'build_labeler',
]
