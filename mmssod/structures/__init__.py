"""Values that travel between the parts."""

from .problem import Problem, raise_together
from .pseudo_labels import PseudoLabels

__all__ = ['Problem', 'PseudoLabels', 'raise_together']
