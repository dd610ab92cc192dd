"""Base class of the strong augmentations: one image in, one image out, applied with a probability.

Shapes: H, W are the image's height and width; images are (H, W, 3) uint8, channels B G R.
"""

from abc import abstractmethod
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from mmssod.environment.errors import InputError


class ImageTransform(BaseTransform):
    """Applies ``augment`` to the image with probability ``prob`` and leaves everything else alone.

    Args:
        prob: Probability in [0, 1]; at 0 the same array goes out, at 1 every image is augmented.

    Raises:
        ValueError: ``prob`` lies outside [0, 1]; at use, when the image is not (H, W, 3) uint8.
    """

    cheap_to_build = True

    def __init__(self, prob: float) -> None:
        self.prob = require_range('prob', prob, 0.0, 1.0)

    @abstractmethod
    def augment(self, image: np.ndarray) -> np.ndarray:
        """A new image (H, W, 3) uint8 from ``image``, of the same kind, not to be written to."""

    @cache_randomness
    def _applies(self) -> bool:
        return bool(np.random.random_sample() < self.prob)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replaces ``results['img']``, (H, W, 3) uint8, with probability ``prob``."""
        if self._applies():
            results['img'] = self.augment(_require_color_image(results['img'], type(self).__name__))
        return results

    def __repr__(self) -> str:
        arguments = ', '.join(
            f'{key}={value}' for key, value in sorted(vars(self).items()) if not key.startswith('_')
        )
        return f'{type(self).__name__}({arguments})'


def require_range(name: str, value: float, low: float, high: float) -> float:
    """``value`` as a float when low <= value <= high, else (NaN, too) a ValueError that says so."""
    if not low <= value <= high:
        raise InputError(f'{name} must lie in [{low:g}, {high:g}], got {value!r}')
    return float(value)


def require_interval(
    name: str, low: float, high: float, *, floor: float, ceiling: float
) -> tuple[float, float]:
    """``(low, high)`` when floor <= low <= high <= ceiling, else a ValueError naming both ends."""
    if not floor <= low <= high <= ceiling:
        raise InputError(
            f'expected {floor:g} <= min_{name} <= max_{name} <= {ceiling:g}, '
            f'got min_{name}={low!r}, max_{name}={high!r}'
        )
    return float(low), float(high)


def _require_color_image(image: Any, who: str) -> np.ndarray:
    if (
        isinstance(image, np.ndarray)
        and image.dtype == np.uint8
        and image.ndim == 3
        and image.shape[2] == 3
    ):
        return image
    found = (
        f'{image.dtype} of shape {image.shape}'
        if isinstance(image, np.ndarray)
        else type(image).__name__
    )
    raise InputError(
        f"{who} expects results['img'] as uint8 of shape (H, W, 3), got {found}. "
        "Place it after LoadImageFromFile(color_type='color', to_float32=False); "
        "the model's data preprocessor normalizes later"
    )
