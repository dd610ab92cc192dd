"""Soft masks of outlines, and how tight boxes are read from them.

h, w = side lengths of a patch in pixels. Pixel i covers [i, i + 1].
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from demo_drawings.shapes import Shape

_SUPERSAMPLING = 4

# float32; OpenCV's annotations promise no type.
Mask = NDArray[Any]


@dataclass(frozen=True)
class Patch:
    """A soft mask somewhere on, or partly beyond, the image.

    Attributes:
        alpha: (h, w) coverage in [0, 1].
        x: column of its left edge in the image, may be negative.
        y: row of its upper edge.
    """

    alpha: Mask
    x: int
    y: int

    def window(self, size: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Rows and columns in the image, and the same in the patch, where the two overlap."""
        height, width = self.alpha.shape
        top, left = max(self.y, 0), max(self.x, 0)
        bottom, right = max(min(self.y + height, size), top), max(min(self.x + width, size), left)
        there = slice(top, bottom), slice(left, right)
        here = slice(top - self.y, bottom - self.y), slice(left - self.x, right - self.x)
        return there, here


def crossing(mask: Mask, axis: int) -> tuple[float, float]:
    """Where a mask begins and ends: where its maximum across the other axis passes 1/2.

    Args:
        mask: (h, w) in [0, 1]; reaches 1/2 somewhere, but not at its rim.
        axis: 0 for rows, 1 for columns.

    Returns:
        Start and end in pixels from the mask's own corner, interpolated between pixel centres.
    """
    profile = mask.max(axis=1 - axis)
    inside = np.flatnonzero(profile >= 0.5)
    first, last = int(inside[0]), int(inside[-1])
    before, after = profile[first - 1], profile[last + 1]
    start = first + 0.5 - (profile[first] - 0.5) / (profile[first] - before)
    end = last + 0.5 + (profile[last] - 0.5) / (profile[last] - after)
    return float(start), float(end)


def rasterize(shape: Shape, softness: float = 0.0) -> Mask:
    """The coverage mask of a shape whose upper left corner is (0, 0), with an empty rim.

    Args:
        shape: contours in pixels, see `shapes`.
        softness: sigma of the blur at the edge, in pixels.

    Returns:
        (h, w) coverage in steps of 1/16 before the blur; its rim of 2 + ceil(3 * softness) pixels
        lies left and above (0, 0).
    """
    extent = np.concatenate(shape).max(axis=0)
    margin = 2 + int(np.ceil(3 * softness))
    width, height = (np.ceil(extent).astype(int) + 2 * margin).tolist()
    fine = np.zeros((height * _SUPERSAMPLING, width * _SUPERSAMPLING), np.uint8)
    points = [((c + margin) * _SUPERSAMPLING - 0.5) * 16 for c in shape]
    cv2.fillPoly(fine, [np.round(p).astype(np.int32) for p in points], 255, shift=4)
    mask: Mask = (
        cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    )
    if softness > 0:
        mask = cv2.GaussianBlur(mask, (0, 0), softness)
    return mask
