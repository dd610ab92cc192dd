"""RoI heads through which box weights travel."""

from .certainty_roi_head import CertaintyRoIHead

__all__ = ['CertaintyRoIHead']
