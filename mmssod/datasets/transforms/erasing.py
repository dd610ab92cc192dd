"""One erasing pass; Cutout chains three of them.

Shapes: H, W are the image's height and width; images are (H, W, 3) uint8, channels B G R.
Rectangles are written ``x1 y1 x2 y2`` in whole pixels, the right and lower end excluded.
"""

import math

import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS

from mmssod.datasets.transforms.image_transform import ImageTransform, require_interval

ATTEMPTS = 10  # as torchvision: a rectangle that does not fit is drawn anew this many times


@TRANSFORMS.register_module()
class StrongErasing(ImageTransform):
    """Overwrites one random rectangle with noise.

    Boxes below it stay: the student is to find them from the rest.

    The rectangle's share of the image is U[min_area, max_area], its height : width log-uniform in
    [min_ratio, max_ratio], its place uniform. It lies inside the image and is lower and narrower
    than it; an image too small for one goes through unchanged.

    Args:
        prob: Probability of erasing, in [0, 1].
        min_area, max_area: Share of the image's area; 0 < min <= max <= 1.
        min_ratio, max_ratio: Height over width; 0 < min <= max.

    Source: Random Erasing (arXiv 1708.04896) as in torchvision; values from Unbiased Teacher's
    public code. Its normal noise of one whole byte range as standard deviation wraps around in
    uint8, which makes it uniform; so is ours.
    """

    def __init__(
        self,
        prob: float = 0.7,
        min_area: float = 0.05,
        max_area: float = 0.2,
        min_ratio: float = 0.3,
        max_ratio: float = 3.3,
    ) -> None:
        super().__init__(prob)
        tiny = float(np.finfo(np.float32).tiny)
        self.min_area, self.max_area = require_interval(
            'area', min_area, max_area, floor=tiny, ceiling=1.0
        )
        self.min_ratio, self.max_ratio = require_interval(
            'ratio', min_ratio, max_ratio, floor=tiny, ceiling=1e3
        )

    @cache_randomness
    def _draw_rectangle(self, height: int, width: int) -> tuple[int, int, int, int] | None:
        """A rectangle ``x1 y1 x2 y2`` inside height x width pixels, or None when none fitted."""
        for _ in range(ATTEMPTS):
            area = height * width * np.random.uniform(self.min_area, self.max_area)
            ratio = math.exp(np.random.uniform(math.log(self.min_ratio), math.log(self.max_ratio)))
            h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < h < height and 0 < w < width:
                x1, y1 = np.random.randint(0, width - w + 1), np.random.randint(0, height - h + 1)
                return int(x1), int(y1), int(x1 + w), int(y1 + h)
        return None

    def augment(self, image: np.ndarray) -> np.ndarray:
        """A copy of ``image``, (H, W, 3) uint8, with one rectangle of uniform noise."""
        rectangle = self._draw_rectangle(*image.shape[:2])
        if rectangle is None:
            return image
        x1, y1, x2, y2 = rectangle
        erased = image.copy()
        erased[y1:y2, x1:x2] = np.random.randint(0, 256, size=(y2 - y1, x2 - x1, 3), dtype=np.uint8)
        return erased
