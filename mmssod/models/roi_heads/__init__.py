"""RoI heads that apply per-box weights."""

from .certainty_cascade_roi_head import CertaintyCascadeRoIHead
from .certainty_roi_head import CertaintyRoIHead

__all__ = [
    'CertaintyCascadeRoIHead',
    'CertaintyRoIHead',
]
