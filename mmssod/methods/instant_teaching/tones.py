"""Brightness, contrast and color operations by lookup tables per channel.

Shapes: H, W are the image's height and width; images are (H, W, 3) uint8, channels B G R. Strengths are those of
the public code of Instant-Teaching, as of MMDetection's example with Albumentations.
"""

import cv2
import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS

from mmssod.datasets.transforms.image_transform import (
    ImageTransform,
    require_interval,
    require_range,
)

BYTES = np.arange(256, dtype=np.float64)[:, None]  # (256, 1): beside it, a value a channel
HUES = 180  # OpenCV's hue of a byte counts half degrees


def by_table(image: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Each byte replaced by its entry; (H, W, 3) uint8 in and out, ``table`` (256, 3), rounded and clipped."""
    return cv2.LUT(image, np.clip(np.rint(table), 0, 255).astype(np.uint8)[None])


@TRANSFORMS.register_module()
class BrightnessContrast(ImageTransform):
    """``(1 + c) * image + 255 * b``, clipped, with c and b drawn from their ranges.

    Args:
        min_brightness, max_brightness: Range of b, in [-1, 1].
        min_contrast, max_contrast: Range of c, in [-1, 1].
        prob: Probability of changing an image, in [0, 1].
    """

    def __init__(
        self,
        min_brightness: float = 0.1,
        max_brightness: float = 0.3,
        min_contrast: float = 0.1,
        max_contrast: float = 0.3,
        prob: float = 0.2,
    ) -> None:
        super().__init__(prob)
        self.min_brightness, self.max_brightness = require_interval(
            'brightness', min_brightness, max_brightness, floor=-1.0, ceiling=1.0
        )
        self.min_contrast, self.max_contrast = require_interval(
            'contrast', min_contrast, max_contrast, floor=-1.0, ceiling=1.0
        )

    @cache_randomness
    def _draw(self) -> tuple[float, float]:
        """Draws c and b."""
        return (
            float(np.random.uniform(self.min_contrast, self.max_contrast)),
            float(np.random.uniform(self.min_brightness, self.max_brightness)),
        )

    def augment(self, image: np.ndarray) -> np.ndarray:
        """A brighter or darker copy of ``image``, (H, W, 3) uint8."""
        contrast, brightness = self._draw()
        return by_table(image, ((1 + contrast) * BYTES + 255 * brightness).repeat(3, axis=1))


@TRANSFORMS.register_module()
class ChannelShift(ImageTransform):
    """Adds U[-limit, limit] to each channel, drawn for each, clipped (an RGB shift).

    Args:
        limit: In gray levels, at least 0.
        prob: Probability of shifting, in [0, 1].
    """

    def __init__(self, limit: float = 10.0, prob: float = 0.2) -> None:
        super().__init__(prob)
        self.limit = require_range('limit', limit, 0.0, 255.0)

    @cache_randomness
    def _draw(self) -> np.ndarray:
        """One value a channel, (3,)."""
        return np.random.uniform(-self.limit, self.limit, size=3)

    def augment(self, image: np.ndarray) -> np.ndarray:
        """A shifted copy of ``image``, (H, W, 3) uint8."""
        return by_table(image, BYTES + self._draw())


@TRANSFORMS.register_module()
class HSVShift(ImageTransform):
    """Turns the hue and adds to saturation and value, each by U[-limit, limit].

    Args:
        hue: Limit in OpenCV's half degrees, in [0, 90]; the circle closes at 180.
        saturation: Limit in bytes, in [0, 255]; clipped.
        value: As ``saturation``.
        prob: Probability of shifting, in [0, 1].
    """

    def __init__(
        self,
        hue: float = 20.0,
        saturation: float = 30.0,
        value: float = 20.0,
        prob: float = 0.2,
    ) -> None:
        super().__init__(prob)
        self.hue = require_range('hue', hue, 0.0, HUES / 2)
        self.saturation = require_range('saturation', saturation, 0.0, 255.0)
        self.value = require_range('value', value, 0.0, 255.0)

    @cache_randomness
    def _draw(self) -> np.ndarray:
        """Shifts of hue, saturation and value, (3,), whole numbers."""
        limits = np.array([self.hue, self.saturation, self.value])
        return np.rint(np.random.uniform(-limits, limits))

    def augment(self, image: np.ndarray) -> np.ndarray:
        """A shifted copy of ``image``, (H, W, 3) uint8."""
        table = BYTES + self._draw()
        table[:, 0] %= HUES
        hsv = by_table(cv2.cvtColor(image, cv2.COLOR_BGR2HSV), table)
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


@TRANSFORMS.register_module()
class ChannelShuffle(ImageTransform):
    """Puts the three channels in a random order, all six equally likely.

    Args:
        prob: Probability of drawing an order, in [0, 1].
    """

    def __init__(self, prob: float = 0.2) -> None:
        super().__init__(prob)

    @cache_randomness
    def _draw(self) -> np.ndarray:
        """An order of the channels, (3,)."""
        return np.random.permutation(3)

    def augment(self, image: np.ndarray) -> np.ndarray:
        """``image``, (H, W, 3) uint8, with its channels in another order."""
        return np.ascontiguousarray(image[..., self._draw()])
