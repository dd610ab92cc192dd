"""Predicts how wide the 95 % interval of a gain will be, before anything is trained.

For ``n`` test images the half width is about ``C / sqrt(n)``: of means over independent images that is the law, and of
AP it holds well enough to plan by (``docs/results/interval.md`` has the measurement).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import geometric_mean

from mmssod.environment.errors import InputError

HALF_WIDTH = 19.5
"""C: half the width in AP percent for one image, fitted on blood cells and aquarium animals."""
SPREAD = (0.6, 1.6)
"""Least and greatest of the measured C over the fitted one: blood cells, with many boxes of few classes, lie below."""
FEW = 50
"""Test images below which ``mmssod new`` says what interval to expect."""


def half_width(images: int) -> float:
    """Half the width of the 95 % interval of a gain, AP percent.

    Args:
        images: Test images, >= 1.

    Raises:
        ValueError: Fewer than one.
    """
    if images < 1:
        raise InputError(f'images: expected 1 or more, got {images}')
    return HALF_WIDTH / math.sqrt(images)


def expected(images: int) -> str:
    """The same in words: ``+-9.8 AP (5.8 to 15.6, by data set)``; in brackets what it was where it was measured."""
    width = half_width(images)
    least, greatest = (share * width for share in SPREAD)
    return f'+-{width:.1f} AP ({least:.1f} to {greatest:.1f}, by data set)'


def fit_half_width(images: Sequence[int], measured: Sequence[float]) -> float:
    """C of ``C / sqrt(n)``: the geometric mean of ``sqrt(n) * measured``, so that relative errors count alike.

    Args:
        images: n of each measurement, >= 1.
        measured: Half widths, > 0.

    Raises:
        ValueError: No measurement.
    """
    if not images:
        raise InputError('expected one measurement at least, got none')
    return geometric_mean(math.sqrt(n) * width for n, width in zip(images, measured, strict=True))
