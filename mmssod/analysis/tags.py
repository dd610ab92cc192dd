"""Draw boxes with tags into pixels, readable at any size: letters and lines scale with the picture.

Pillow draws: some milliseconds per picture, which a live stream can afford.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

import cv2
import numpy as np
from matplotlib.font_manager import FontProperties, findfont
from PIL import Image, ImageColor, ImageDraw, ImageFont

from mmssod.analysis.fonts import families
from mmssod.analysis.plotting import COLORS

LEAST = 10
"""Height of the smallest letters that are readable, in pixels."""


def draw_tags(
    pixels: np.ndarray, boxes: np.ndarray, tags: Sequence[str], labels: Sequence[int]
) -> np.ndarray:
    """A copy of an image with boxes and their tags.

    Args:
        pixels: BGR, shape (H, W, 3), uint8.
        boxes: ``x1 y1 x2 y2`` in pixels, shape (N, 4), the surest first: its tag covers others.
        tags: Text of each.
        labels: Class of each, a number; it chooses the color.

    Returns:
        BGR, shape (H, W, 3), uint8.
    """
    image = Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
    pen = ImageDraw.Draw(image)
    side = max(image.size)
    rows = list(zip(boxes.tolist(), tags, labels, strict=True))[::-1]
    for box, _, label in rows:
        pen.rectangle(box, outline=COLORS[label % len(COLORS)], width=max(1, round(side / 400)))
    for box, tag, label in rows:
        _draw_tag(pen, image.size, box, tag, COLORS[label % len(COLORS)])
    return cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2BGR)


def text_height(image_side: int, box_side: float) -> int:
    """Height of letters in pixels: 1/45 of the image's longer side, down to half of it for small boxes."""
    usual = image_side / 45
    return max(LEAST, round(min(max(box_side / 4, usual / 2), usual)))


def _draw_tag(
    pen: ImageDraw.ImageDraw, size: tuple[int, int], box: Sequence[float], tag: str, color: str
) -> None:
    """Above the box where there is room, else inside; always within the image."""
    x1, y1, x2, y2 = box
    height = text_height(max(size), min(x2 - x1, y2 - y1))
    runs = [(''.join(run), _font(name, height)) for name, run in groupby(tag, key=_family)]
    width = sum(font.getlength(text) for text, font in runs)
    pad, tall = height // 5, max((sum(font.getmetrics()) for _, font in runs), default=0)
    left = max(0, min(x1, size[0] - width - 2 * pad))
    top = y1 - tall if y1 >= tall else y1
    pen.rectangle((left, top, left + width + 2 * pad, top + tall), fill=color)
    red, green, blue = ImageColor.getrgb(color)[:3]
    ink = 'black' if 0.3 * red + 0.6 * green + 0.1 * blue > 140 else 'white'
    for text, font in runs:
        pen.text((left + pad, top + tall), text, fill=ink, font=font, anchor='ld')
        left += font.getlength(text)


def _family(letter: str) -> str:
    return families(letter)[-1]


@lru_cache(maxsize=64)
def _font(family: str, height: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(findfont(FontProperties(family=[family])), height)
