from .pseudo_label_detector import PseudoLabelDetector

__all__ = ['PseudoLabelDetector']
