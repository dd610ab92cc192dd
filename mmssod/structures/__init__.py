"""Values that travel between the parts."""

from .problem import Problem, raise_together
from .pseudo_labels import PseudoLabels
from .views import Views

__all__ = ['Problem', 'PseudoLabels', 'Views', 'raise_together']
