from .pseudo_labels import PseudoLabels

__all__ = ['PseudoLabels']
