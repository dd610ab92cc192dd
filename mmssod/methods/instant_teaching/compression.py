"""JPEG compression artifacts for the strong view.

Shapes: H, W are the image's height and width; images are (H, W, 3) uint8, channels B G R.
"""

import cv2
import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS

from mmssod.datasets.transforms.image_transform import ImageTransform, require_interval


@TRANSFORMS.register_module()
class JPEGCompression(ImageTransform):
    """Compresses the image as a JPEG and decodes it again.

    Args:
        min_quality, max_quality: The whole number between them is drawn, both included, in [1, 100].
        prob: Probability of compressing, in [0, 1].

    Source: Instant-Teaching's public code, 85 - 95.
    """

    def __init__(self, min_quality: int = 85, max_quality: int = 95, prob: float = 0.2) -> None:
        super().__init__(prob)
        low, high = require_interval('quality', min_quality, max_quality, floor=1.0, ceiling=100.0)
        self.min_quality, self.max_quality = int(low), int(high)

    @cache_randomness
    def _draw_quality(self) -> int:
        return int(np.random.randint(self.min_quality, self.max_quality + 1))

    def augment(self, image: np.ndarray) -> np.ndarray:
        """A compressed copy of ``image``, (H, W, 3) uint8."""
        settings = [cv2.IMWRITE_JPEG_QUALITY, self._draw_quality()]
        decoded = cv2.imdecode(cv2.imencode('.jpg', image, settings)[1], cv2.IMREAD_COLOR)
        assert decoded is not None  # OpenCV reads what it wrote
        return decoded
