"""Values that travel between the parts."""

from .problem import Problem, raise_together
from .pseudo_labels import PseudoLabels, move_boxes
from .views import Views

__all__ = ['Problem', 'PseudoLabels', 'Views', 'move_boxes', 'raise_together']
