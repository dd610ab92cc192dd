"""Cutout with a few gray squares.

Shapes: H, W are the image's height and width; images are (H, W, 3) uint8.
"""

import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS

from mmssod.datasets.transforms.image_transform import ImageTransform, require_range


@TRANSFORMS.register_module()
class StrongSquares(ImageTransform):
    """Covers the image with 1 to ``max_number`` gray squares.

    A square's side is U[0, max_side] of the image's shorter side, its center uniform in the image; what lies outside is
    cut off. Boxes below it stay.

    Args:
        prob: Probability of covering anything, in [0, 1].
        max_number: Most squares, at least 1.
        max_side: Largest side, in [0, 1] of the shorter side of the image.
        fill: Gray value, in [0, 255].

    Raises:
        ValueError: A value lies outside its range.

    Source: Cutout (arXiv 1708.04552) with the values of STAC's public code: 1 to 5 squares of 0 to 20 %.
    """

    def __init__(
        self, prob: float = 1.0, max_number: int = 5, max_side: float = 0.2, fill: int = 128
    ) -> None:
        super().__init__(prob)
        self.max_number = int(require_range('max_number', max_number, 1, 1000))
        self.max_side = require_range('max_side', max_side, 0.0, 1.0)
        self.fill = int(require_range('fill', fill, 0, 255))

    @cache_randomness
    def _draw_squares(self, height: int, width: int) -> np.ndarray:
        """Squares ``x1 y1 x2 y2`` in whole pixels inside height x width, shape (n, 4); some may be empty."""
        number = np.random.randint(1, self.max_number + 1)
        sides = np.random.uniform(0, self.max_side, (number, 1)) * min(height, width)
        centers = np.random.uniform(0, (width, height), (number, 2))
        corners = np.hstack([centers - sides / 2, centers + sides / 2])
        return np.clip(corners.round(), 0, (width, height, width, height)).astype(int)

    def augment(self, image: np.ndarray) -> np.ndarray:
        """A copy of ``image``, (H, W, 3) uint8, with some squares in gray."""
        covered = image.copy()
        for x1, y1, x2, y2 in self._draw_squares(*image.shape[:2]):
            covered[y1:y2, x1:x2] = self.fill
        return covered
