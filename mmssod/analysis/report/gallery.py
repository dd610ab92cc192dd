"""Image gallery of the report: embedded JPEGs, with boxes as SVG shapes that can be switched and filtered."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import cv2
import mmcv
import numpy as np

SIDE = 480  # pixels of a picture's longer side
QUALITY = 72  # of its JPEG


@dataclass(frozen=True)
class Shape:
    """One box.

    Args:
        layer: What it is: ``kept``, ``rejected``, ``truth``, ...
        name: Class of the box.
        tag: What is written at it.
        box: ``x1 y1 x2 y2`` in pixels of the original image.
    """

    layer: str
    name: str
    tag: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Panel:
    """A picture with boxes, or one of several views of the same picture.

    Args:
        title: Above it.
        shapes: Boxes in the picture.
    """

    title: str
    shapes: tuple[Shape, ...]


@dataclass
class Item:
    """One entry of a gallery: an image and its panels.

    Args:
        path: The image's file.
        caption: Below it.
        panels: One or more, of the same image.
        source: ``data:`` address of the JPEG; empty until :func:`embed`.
        width, height: Pixels of the original image.
        uncertainty: In [0, 1], to order pictures by; None where there is none.
        link: Address of the image's file as seen from the page; '' for none.
    """

    path: str
    caption: str
    panels: tuple[Panel, ...]
    source: str = ''
    width: int = 0
    height: int = 0
    uncertainty: float | None = None
    link: str = ''


def embed(items: Iterable[Item], most_bytes: int) -> list[Item]:
    """Read and encode the pictures of items, in their order, as long as they fit.

    Args:
        items: Entries of a gallery; those whose image cannot be read are left out.
        most_bytes: What all pictures may take together, as they stand in the page.

    Returns:
        The items that fit, complete.
    """
    shown, total = [], 0
    for item in items:
        pixels = mmcv.imread(item.path) if item.path else None
        if pixels is None:
            continue
        source = data_uri(pixels)
        if total + len(source) > most_bytes:
            break
        total += len(source)
        item.source = source
        item.height, item.width = pixels.shape[:2]
        shown.append(item)
    return shown


def link_files(items: Iterable[Item], folder: Path) -> None:
    """Give each item the address of its image's file, relative to the folder of the page."""
    for item in items:
        item.link = quote(os.path.relpath(item.path, folder).replace(os.sep, '/'))


def data_uri(pixels: np.ndarray) -> str:
    """A picture, BGR of shape (H, W, 3), as the address that an ``<img>`` can have instead of a file's."""
    scale = min(1.0, SIDE / max(pixels.shape[:2]))
    if scale < 1:
        size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return 'data:image/jpeg;base64,' + base64.b64encode(encoded.tobytes()).decode()


def shapes_of(
    layer: str, boxes: np.ndarray, classes: Sequence[str], tags: Sequence[str]
) -> tuple[Shape, ...]:
    """Boxes ``x1 y1 x2 y2`` of shape (N, 4) as shapes of one layer."""
    return tuple(
        Shape(layer, name, text, (float(box[0]), float(box[1]), float(box[2]), float(box[3])))
        for box, name, text in zip(boxes, classes, tags, strict=True)
    )
