"""Faster versions of mmdet's RandAugment color operations, with the same random draws and identical pixels.

Each class is its mmdet parent with another way to the same image, so that it stands in its place in any pipeline: under
the same seed it gives what the parent gives. Most replace a byte by what a table says: the parent's own function makes
the table, OpenCV looks it up. mmdet's ``Posterize`` is fast as it is.

Images are (H, W, 3) uint8, channels B G R; others go to the parent.
"""

from abc import abstractmethod
from typing import Any

import cv2
import numpy as np
from mmdet.datasets.transforms import (
    AutoContrast,
    Brightness,
    Color,
    Contrast,
    Equalize,
    Sharpness,
    Solarize,
)
from mmdet.registry import TRANSFORMS

# All bytes as an image of one row, the same in each channel: shape (1, 256, 3).
RAMP = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)


class FastImage:
    """Stands before an mmdet ``ColorTransform`` and takes over its way to the image."""

    @abstractmethod
    def fast(self, image: np.ndarray, mag: float) -> np.ndarray:
        """A new image from one of (H, W, 3) uint8; ``mag`` as the parent draws it."""

    def slow(self, image: np.ndarray, mag: float) -> np.ndarray:
        """The parent's."""
        results = dict(img=image)
        super()._transform_img(results, mag)  # type: ignore[misc]
        return results['img']

    def _transform_img(self, results: dict[str, Any], mag: float) -> None:
        image = results['img']
        plain = image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
        results['img'] = self.fast(image, mag) if plain else self.slow(image, mag)


class ByTable(FastImage):
    """For a parent that changes a byte by its value alone, the same in all channels."""

    def fast(self, image: np.ndarray, mag: float) -> np.ndarray:
        """The bytes of ``image`` as the parent changes them."""
        return cv2.LUT(image, np.ascontiguousarray(self.slow(RAMP, mag)[0, :, 0]))


@TRANSFORMS.register_module()
class FastBrightness(ByTable, Brightness):
    """``Brightness`` by a table."""


@TRANSFORMS.register_module()
class FastSolarize(ByTable, Solarize):
    """``Solarize`` by a table."""


@TRANSFORMS.register_module()
class FastAutoContrast(FastImage, AutoContrast):
    """``AutoContrast`` by a table: what becomes of a byte depends on the least and greatest of its channel."""

    def fast(self, image: np.ndarray, mag: float) -> np.ndarray:
        """Each channel stretched to all bytes."""
        ends = [cv2.minMaxLoc(channel)[:2] for channel in cv2.split(image)]
        low, high = np.array(ends).T
        # All bytes between a channel's ends, which the parent stretches as it does the image's.
        return cv2.LUT(image, self.slow(np.clip(RAMP, low, high).astype(np.uint8), mag))


@TRANSFORMS.register_module()
class FastEqualize(FastImage, Equalize):
    """``Equalize`` by a table: histograms by OpenCV, the formula PIL's, as the parent's."""

    def fast(self, image: np.ndarray, mag: float) -> np.ndarray:
        """Each channel with its bytes spread evenly."""
        counts = [cv2.calcHist([image], [c], None, [256], [0, 256]) for c in range(3)]
        tables = [equalizing_table(np.asarray(count, np.int64).ravel()) for count in counts]
        return cv2.LUT(image, np.stack(tables, axis=-1)[None])


def equalizing_table(histogram: np.ndarray) -> np.ndarray:
    """Lookup table for each byte value, uint8; both of shape (256,)."""
    step = (histogram.sum() - histogram[np.flatnonzero(histogram)[-1]]) // 255
    if step == 0:  # one value alone, or too few pixels
        return np.arange(256, dtype=np.uint8)
    below = np.cumsum(histogram) - histogram
    table = (below + step // 2) // step
    table[0] = 0
    return np.minimum(table, 255).astype(np.uint8)


@TRANSFORMS.register_module()
class FastContrast(FastImage, Contrast):
    """``Contrast`` by a table: all that it needs of the image is the mean of its gray values."""

    def fast(self, image: np.ndarray, mag: float) -> np.ndarray:
        """``mag * image + (1 - mag) * mean gray``, decimals cut off."""
        gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        sums: Any = cv2.sumElems(gray)  # four numbers, of which OpenCV's types do not know
        mean = round(sums[0] / gray.size)
        ramp = RAMP[0, :, 0].astype(np.float32)
        table = cv2.addWeighted(ramp, mag, np.full_like(ramp, mean), 1 - mag, 0)
        return cv2.LUT(image, np.clip(table, 0, 255).astype(np.uint8))


@TRANSFORMS.register_module()
class FastColor(FastImage, Color):
    """``Color`` with the gray image's three channels made by OpenCV."""

    def fast(self, image: np.ndarray, mag: float) -> np.ndarray:
        """``mag * image + (1 - mag) * gray``."""
        gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        return cv2.addWeighted(image, mag, gray, 1 - mag, 0)


@TRANSFORMS.register_module()
class FastSharpness(FastImage, Sharpness):
    """``Sharpness`` in bytes instead of floats, within one gray level of the parent.

    PIL's smooth image is 9 parts of the mean over 3 x 3 pixels and 4 parts of the pixel itself, of 13.
    """

    def fast(self, image: np.ndarray, mag: float) -> np.ndarray:
        """``mag * image + (1 - mag) * smooth image``, decimals cut off."""
        share = (1 - mag) / 13
        cut = -0.499  # rounding becomes cutting; a little above, so that whole numbers stay
        return cv2.addWeighted(image, mag + 4 * share, cv2.blur(image, (3, 3)), 9 * share, cut)
