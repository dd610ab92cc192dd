"""Cuts large images into overlapping tiles: tile positions, and the part of each object inside a tile.

``N`` boxes ``x1 y1 x2 y2`` in pixels. A tile is such a box of whole numbers, which ends before its second corner. An
object no larger than the overlap lies whole in at least one tile.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from mmssod.environment.errors import InputError

Tile = tuple[int, int, int, int]


def tiles(width: int, height: int, size: int, overlap: float) -> list[Tile]:
    """Tiles that cover an image, row by row; one, of the image's own size, where it is no larger than a tile.

    Args:
        width: Width of the image, pixels.
        height: Height of the image, pixels.
        size: Size of a tile, pixels.
        overlap: The least share of a tile that its neighbor has, too.

    Raises:
        ValueError: A size below 1, or an overlap outside [0, 1).
    """
    if size < 1 or not 0 <= overlap < 1:
        raise InputError(
            f'tiles: expected a size >= 1 and an overlap in [0, 1), got {size}, {overlap}'
        )
    step = max(int(size * (1 - overlap)), 1)
    starts = [
        [*range(0, max(side - size, 0), step), max(side - size, 0)] for side in (width, height)
    ]
    return [(x, y, min(x + size, width), min(y + size, height)) for y, x in product(*starts[::-1])]


def cut_off(
    boxes: np.ndarray, tile: Tile, width: int, height: int, margin: float = 2.0
) -> np.ndarray:
    """Which boxes reach to a border of a tile that is none of the image: their objects may go on beyond it.

    Args:
        boxes: In pixels of the image, shape (N, 4).
        tile: Where they were found.
        width: Width of the image, pixels.
        height: Height of the image, pixels.
        margin: How near to a border, pixels.
    """
    least = [x + margin if x > 0 else -np.inf for x in tile[:2]]
    most = [
        end - margin if end < side else np.inf
        for end, side in zip(tile[2:], (width, height), strict=True)
    ]
    cut: np.ndarray = np.concatenate([boxes[:, :2] < least, boxes[:, 2:] > most], axis=1)
    return np.asarray(cut.any(axis=1))


def clip(boxes: np.ndarray, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
    """What a tile has of boxes, in its own pixels, shape (N, 4), and which share of their areas that is, shape (N,)."""
    low, high = np.array(tile[:2] * 2), np.array(tile[2:] * 2)
    inside = boxes.clip(low, high)
    areas = [np.prod(one[:, 2:] - one[:, :2], axis=1) for one in (inside, boxes)]
    return inside - low, areas[0] / np.maximum(areas[1], 1e-9)
