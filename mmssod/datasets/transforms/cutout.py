"""Cutout for the strong view: three erasing passes, from squares to thin strips."""

from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS

from mmssod.datasets.transforms.erasing import StrongErasing
from mmssod.datasets.transforms.image_transform import require_range

# Probability, least area, height over width: Unbiased Teacher's public code.
PASSES = ((0.7, 0.05, 0.3, 3.3), (0.5, 0.02, 0.1, 6.0), (0.3, 0.02, 0.05, 8.0))


@TRANSFORMS.register_module()
class StrongCutout(BaseTransform):
    """Three passes of :class:`StrongErasing`, as in Unbiased Teacher's code; the Cutout of 2017 erases one square.

    Args:
        prob: Scales the probabilities of all three passes (0.7, 0.5, 0.3), in [0, 1]; 0 switches
            Cutout off exactly.
        max_area: Largest share of the image that one pass erases.

    Raises:
        ValueError: ``prob`` lies outside [0, 1].
    """

    cheap_to_build = True

    def __init__(self, prob: float = 1.0, max_area: float = 0.2) -> None:
        self.prob = require_range('prob', prob, 0.0, 1.0)
        self.passes = [
            StrongErasing(self.prob * p, min_area, max_area, min_ratio, max_ratio)
            for p, min_area, min_ratio, max_ratio in PASSES
        ]

    def transform(self, results: dict) -> dict:
        """Erases up to three rectangles of ``results['img']``, (H, W, 3) uint8."""
        for erasing in self.passes:
            results = erasing(results)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob})'
