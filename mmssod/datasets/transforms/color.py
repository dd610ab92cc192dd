"""Color jitter and grayscale for the strong view.

Shapes: H, W are the image's height and width; images are (H, W, 3) uint8, channels B G R. The
formulas are torchvision's, rounded to uint8 after each step as PIL does; gray = 0.299 R + 0.587 G +
0.114 B.
"""

import math

import cv2
import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS

from mmssod.datasets.transforms.image_transform import ImageTransform, require_range

GRAY_WEIGHTS = np.array([0.114, 0.587, 0.299], dtype=np.float32)  # of B, G, R: ITU-R BT.601
HUE_STEPS = 256  # a byte is one turn of the color circle, in OpenCV's full-range hue as in PIL's


def adjust_brightness(image: np.ndarray, factor: float) -> np.ndarray:
    """``factor * image``, clipped; (H, W, 3) uint8 in and out, factor >= 0, 1 is the identity."""
    return cv2.convertScaleAbs(image, alpha=factor)


def adjust_contrast(image: np.ndarray, factor: float) -> np.ndarray:
    """``factor * image + (1 - factor) * mean gray``, clipped; (H, W, 3) uint8, factor >= 0."""
    mean_gray = float(np.dot(np.asarray(cv2.mean(image))[:3], GRAY_WEIGHTS))
    return cv2.addWeighted(image, factor, image, 0.0, (1.0 - factor) * mean_gray)


def adjust_saturation(image: np.ndarray, factor: float) -> np.ndarray:
    """``factor * image + (1 - factor) * gray``, clipped; (H, W, 3) uint8, factor >= 0, 0: gray."""
    mixing = factor * np.eye(3, dtype=np.float32) + (1.0 - factor) * GRAY_WEIGHTS
    return cv2.transform(image, mixing)


def adjust_hue(image: np.ndarray, shift: float) -> np.ndarray:
    """Turns the hue by ``shift`` of the circle; (H, W, 3) uint8, shift in [-0.5, 0.5]."""
    steps = math.trunc(shift * 255.0) % HUE_STEPS  # torchvision's and PIL's rounding
    if steps == 0:  # the way to HSV and back alone would change pixels
        return image.copy()
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV_FULL)
    np.add(hsv[..., 0], np.uint8(steps), out=hsv[..., 0])  # a byte wraps just as the circle does
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR_FULL)


_ADJUST = dict(
    brightness=adjust_brightness,
    contrast=adjust_contrast,
    saturation=adjust_saturation,
    hue=adjust_hue,
)


@TRANSFORMS.register_module()
class ColorJitter(ImageTransform):
    """Changes brightness, contrast, saturation and hue by random amounts in random order.

    Brightness, contrast and saturation are scaled by factors from U[max(0, 1 - s), 1 + s], the hue
    is turned by U[-hue, hue] of the color circle: torchvision's ``ColorJitter``, with a
    probability.

    Args:
        brightness, contrast, saturation: Strength s >= 0; 0 leaves this property out.
        hue: Largest turn, in [0, 0.5] of the circle.
        prob: Probability of jittering at all, in [0, 1].

    Source: Unbiased Teacher's public code, (0.4, 0.4, 0.4, 0.1) with p 0.8.
    """

    def __init__(
        self,
        brightness: float = 0.4,
        contrast: float = 0.4,
        saturation: float = 0.4,
        hue: float = 0.1,
        prob: float = 0.8,
    ) -> None:
        super().__init__(prob)
        self.brightness = require_range('brightness', brightness, 0.0, math.inf)
        self.contrast = require_range('contrast', contrast, 0.0, math.inf)
        self.saturation = require_range('saturation', saturation, 0.0, math.inf)
        self.hue = require_range('hue', hue, 0.0, 0.5)

    @cache_randomness
    def _draw_steps(self) -> list[tuple[str, float]]:
        """The properties of strength > 0 in random order, each with its factor (hue: its turn)."""
        steps = []
        for index in np.random.permutation(len(_ADJUST)):
            name = list(_ADJUST)[index]
            strength, neutral = getattr(self, name), 0.0 if name == 'hue' else 1.0
            low = -strength if name == 'hue' else max(0.0, neutral - strength)
            if strength > 0:
                steps.append((name, float(np.random.uniform(low, neutral + strength))))
        return steps

    def augment(self, image: np.ndarray) -> np.ndarray:
        """A jittered copy of ``image``, (H, W, 3) uint8."""
        for name, amount in self._draw_steps():
            image = _ADJUST[name](image, amount)
        return image


@TRANSFORMS.register_module()
class StrongGrayscale(ImageTransform):
    """Replaces the channels by their gray value, 0.299 R + 0.587 G + 0.114 B; (H, W, 3) stays.

    Args:
        prob: Probability of turning gray, in [0, 1].

    Source: Unbiased Teacher's public code, p 0.2. mmcv's ``RandomGrayscale`` weighs the channels
    equally and returns two dimensions by default.
    """

    def __init__(self, prob: float = 0.2) -> None:
        super().__init__(prob)

    def augment(self, image: np.ndarray) -> np.ndarray:
        """The gray copy of ``image``, (H, W, 3) uint8."""
        return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
