"""RoI heads through which box weights travel."""

from .certainty_cascade_roi_head import CertaintyCascadeRoIHead
from .certainty_roi_head import CertaintyRoIHead
from .dual_roi_head import DualRoIHead
from .overlap_weighted_roi_head import OverlapWeightedRoIHead

__all__ = [
    'CertaintyCascadeRoIHead',
    'CertaintyRoIHead',
    'DualRoIHead',
    'OverlapWeightedRoIHead',
]
