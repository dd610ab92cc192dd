"""The semi-supervised detectors, one training step with slots, and the ensemble."""

from .co_rectify_detector import CoRectifyDetector
from .ensemble_detector import EnsembleDetector
from .pseudo_label_detector import PseudoLabelDetector

__all__ = ['CoRectifyDetector', 'EnsembleDetector', 'PseudoLabelDetector']
