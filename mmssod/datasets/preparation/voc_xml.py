"""Boxes of a single VOC xml file, whoever wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from mmssod.datasets.annotation_files import is_number, plain_name, require_size
from mmssod.environment.errors import InputError

SIDES = ('xmin', 'ymin', 'xmax', 'ymax')


def voc_boxes(file: Path) -> tuple[list[dict[str, Any]], tuple[int, int] | None]:
    """The boxes of a file, and the width and height of the image that it says.

    Args:
        file: VOC's xml; pixels count from 1, so 1 is subtracted, as mmdet does.

    Returns:
        ``class``, ``bbox`` (x y w h in pixels) and ``iscrowd`` (1 for difficult) of each box; None for a size that is
        missing or 0, as some tools write it.

    Raises:
        ValueError: An object without name or box, or a number that is none.
        ParseError: No xml.
    """
    require_size(file)
    root = ElementTree.parse(file).getroot()
    boxes = [_box(node) for node in root.iter('object')]
    width, height = (_number(root, f'size/{side}') or 0 for side in ('width', 'height'))
    return boxes, (round(width), round(height)) if width > 0 and height > 0 else None


def _box(node: ElementTree.Element) -> dict[str, Any]:
    name = plain_name(node.findtext('name') or '')
    sides = [_number(node, f'bndbox/{side}') for side in SIDES]
    missing = ['<name>'] if not name else []
    missing += [f'<bndbox><{s}>' for s, value in zip(SIDES, sides, strict=True) if value is None]
    if missing:
        has = sorted({child.tag for child in node})
        raise InputError(f'an object without {missing[0]}, with {has}')
    x1, y1, x2, y2 = (max(side - 1, 0.0) for side in sides if side is not None)
    difficult = (node.findtext('difficult') or '').strip() == '1'
    return {'class': name, 'bbox': [x1, y1, x2 - x1, y2 - y1], 'iscrowd': int(difficult)}


def _number(node: ElementTree.Element, tag: str) -> float | None:
    text = (node.findtext(tag) or '').strip()
    if not text:
        return None
    value = float(text)
    if not is_number(value):
        raise InputError(f'{tag}: expected pixels, got {text!r}')
    return value
