"""Aspect ratios of a data set's images, so that batches can group images of one orientation."""

import math
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from mmengine.logging import print_log
from PIL import Image

from mmssod.datasets.decoding import loaded_size

THREADS = 8  # reading headers waits for the disk, not for the processor
TOGETHER = (
    64  # files that a thread is given at a time: a task for each of 100 000 files takes 200 MB
)
Found = TypeVar('Found')


def aspect_ratios(dataset: Any) -> np.ndarray:
    """Width / height of every image of an mmdet data set.

    The data set's own ``width`` and ``height`` are taken where it has them; otherwise the image
    file's header is read (some 0.1 ms a local file), never its pixels.

    Args:
        dataset: Anything with ``__len__`` and ``get_data_info(index) -> dict``.

    Returns:
        (N,) float64; NaN where neither the data set nor a readable file tells.
    """
    ratios = np.full(len(dataset), math.nan)
    unknown: dict[int, str] = {}
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        if info.get('width') is None or info.get('height') is None:
            unknown[index] = info['img_path']
        else:
            ratios[index] = _ratio(info['width'], info['height'])
    if unknown:
        print_log(
            f'reading the sizes of {len(unknown)} images from their headers (a json can hold them)',
            'current',
        )
        sizes = of_files(header_size, unknown.values())
        ratios[list(unknown)] = [_ratio(*size) for size in sizes]
    return ratios


def _ratio(width: float, height: float) -> float:
    return width / height if width > 0 and height > 0 else math.nan


def of_files(look: Callable[[str], Found], paths: Iterable[str]) -> Iterator[Found]:
    """What ``look`` finds in each file, in order; several are read at once."""
    with ThreadPool(THREADS) as pool:
        yield from pool.imap(look, paths, TOGETHER)


def header_size(path: str) -> tuple[float, float]:
    """Width and height in pixels as the loader will see them, or two NaN for an unreadable file."""
    try:
        with Image.open(path) as image:
            width, height = loaded_size(image, Path(path).read_bytes)
    except (
        Exception
    ):  # a damaged file may raise nearly anything, and its shape is no reason to stop
        return math.nan, math.nan
    return float(width), float(height)
