from .certainty_roi_head import CertaintyRoIHead

__all__ = ['CertaintyRoIHead']
