"""The semi-supervised detector: one training step with slots."""

from .pseudo_label_detector import PseudoLabelDetector

__all__ = ['PseudoLabelDetector']
