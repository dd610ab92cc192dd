"""Values that travel between the parts."""

from .pseudo_labels import PseudoLabels

__all__ = ['PseudoLabels']
