"""Values that travel between the parts."""

from .head_labels import HeadLabels
from .problem import Problem, raise_together
from .pseudo_labels import PseudoLabels
from .views import Views

__all__ = ['HeadLabels', 'Problem', 'PseudoLabels', 'Views', 'raise_together']
