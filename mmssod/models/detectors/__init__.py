"""The semi-supervised detectors: one training step with replaceable parts, its subclasses, and the ensemble."""

from .ensemble_detector import EnsembleDetector
from .pseudo_label_detector import PseudoLabelDetector

__all__ = [
    'EnsembleDetector',
    'PseudoLabelDetector',
]
