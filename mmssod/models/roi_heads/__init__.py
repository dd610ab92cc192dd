"""RoI heads through which box weights travel."""

from .certainty_roi_head import CertaintyRoIHead
from .dual_roi_head import DualRoIHead

__all__ = ['CertaintyRoIHead', 'DualRoIHead']
