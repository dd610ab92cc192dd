"""Mean and median blur inside a square.

Shapes: H, W are the image's height and width; images are (H, W, 3) uint8, channels B G R.
"""

import cv2
import numpy as np
from mmdet.registry import TRANSFORMS

from mmssod.datasets.transforms.image_transform import ImageTransform
from mmssod.environment.errors import InputError


@TRANSFORMS.register_module()
class BoxBlur(ImageTransform):
    """Replaces each pixel by the mean of a square around it; the border is mirrored.

    Args:
        size: Side of the square in pixels, odd, at least 1.
        prob: Probability of blurring, in [0, 1].

    Raises:
        ValueError: For another ``size``.
    """

    def __init__(self, size: int = 3, prob: float = 0.2) -> None:
        super().__init__(prob)
        self.size = require_odd(size)

    def augment(self, image: np.ndarray) -> np.ndarray:
        """A blurred copy of ``image``, (H, W, 3) uint8."""
        return cv2.blur(image, (self.size, self.size))


@TRANSFORMS.register_module()
class MedianBlur(ImageTransform):
    """Replaces each pixel, channel by channel, by the median of a square around it; the border is repeated.

    Args:
        size: Side of the square in pixels, odd, at least 1.
        prob: Probability of blurring, in [0, 1].

    Raises:
        ValueError: For another ``size``.
    """

    def __init__(self, size: int = 3, prob: float = 0.2) -> None:
        super().__init__(prob)
        self.size = require_odd(size)

    def augment(self, image: np.ndarray) -> np.ndarray:
        """A blurred copy of ``image``, (H, W, 3) uint8."""
        return cv2.medianBlur(image, self.size)


def require_odd(size: int) -> int:
    """``size`` when it is odd and at least 1, else a ValueError that says so."""
    if size < 1 or size % 2 == 0:
        raise InputError(f'size must be odd and at least 1, got {size!r}')
    return int(size)
