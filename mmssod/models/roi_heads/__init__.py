"""RoI heads through which box weights travel."""

from .certainty_roi_head import CertaintyRoIHead
from .dual_roi_head import DualRoIHead
from .overlap_weighted_roi_head import OverlapWeightedRoIHead

__all__ = ['CertaintyRoIHead', 'DualRoIHead', 'OverlapWeightedRoIHead']
