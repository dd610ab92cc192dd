"""Data structures passed between the parts."""

from .problem import Problem, raise_together
from .pseudo_labels import PseudoLabels, move_boxes
from .views import View, Views, view_change

__all__ = [
    'Problem',
    'PseudoLabels',
    'View',
    'Views',
    'move_boxes',
    'raise_together',
    'view_change',
]
