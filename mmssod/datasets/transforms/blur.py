"""Blur for the strong view.

Shapes: H, W are the image's height and width; images are (H, W, 3) uint8, channels B G R.
"""

import cv2
import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS

from mmssod.datasets.transforms.image_transform import ImageTransform, require_interval


@TRANSFORMS.register_module()
class GaussianBlur(ImageTransform):
    """Blurs with a Gaussian whose sigma is drawn from U[min_sigma, max_sigma].

    The kernel reaches three sigma to each side; the border is mirrored.

    Args:
        min_sigma, max_sigma: Standard deviation in pixels of the image at this place of the
            pipeline; 0 < min <= max.
        prob: Probability of blurring, in [0, 1].

    Source: Unbiased Teacher's public code, sigma 0.1 - 2 with p 0.5 (there PIL's repeated box
    filter, within 3 gray levels of the Gaussian and several times slower).
    """

    def __init__(self, min_sigma: float = 0.1, max_sigma: float = 2.0, prob: float = 0.5) -> None:
        super().__init__(prob)
        self.min_sigma, self.max_sigma = require_interval(
            'sigma', min_sigma, max_sigma, floor=float(np.finfo(np.float32).tiny), ceiling=1e3
        )

    @cache_randomness
    def _draw_sigma(self) -> float:
        return float(np.random.uniform(self.min_sigma, self.max_sigma))

    def augment(self, image: np.ndarray) -> np.ndarray:
        """A blurred copy of ``image``, (H, W, 3) uint8."""
        return cv2.GaussianBlur(image, ksize=(0, 0), sigmaX=self._draw_sigma())
