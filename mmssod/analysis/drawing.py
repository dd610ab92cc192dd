"""Draws images side by side, with boxes and readable labels."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mmcv
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mmssod.analysis.fonts import families, text_width
from mmssod.analysis.pictures import TRUTH, Picture, Side
from mmssod.analysis.plotting import COLORS, new_figure, write_png
from mmssod.environment.whole_files import write_whole

PANEL = 5.0  # inches
FONT = 7.5  # points
TRUTH_COLOR = '#009E73'


def write(chosen: Sequence[Picture], folder: str | Path, with_truth: bool = False) -> None:
    """One PNG a picture, numbered in their order, and ``pictures.json`` with all that is drawn.

    Args:
        chosen: The pictures.
        folder: Where they go; it is made.
        with_truth: See :func:`draw`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    records = []
    for place, picture in enumerate(chosen):
        name = f'{place:03d}_{picture.image_id}.png'
        write_png(draw(picture, with_truth), folder / name, bbox_inches='tight', pad_inches=0.05)
        records.append(dict(file=name, **picture.numbers()))
    write_whole(folder / 'pictures.json', json.dumps(records, indent=1) + '\n')


def draw(picture: Picture, with_truth: bool = False) -> Figure:
    """One panel a side.

    Args:
        picture: What to draw; its file is read.
        with_truth: Also draw the true boxes, thin and dashed, below those of each detector.
    """
    image = mmcv.imread(picture.path, channel_order='rgb')
    height, width = image.shape[:2]
    figure = new_figure(PANEL * len(picture.sides), PANEL * height / width + 0.3)
    panels = figure.subplots(1, len(picture.sides), squeeze=False)[0]
    for index, (axes, (label, side)) in enumerate(zip(panels, picture.sides.items(), strict=True)):
        color = TRUTH_COLOR if label == TRUTH else COLORS[index]
        axes.imshow(image)
        axes.set_title(f'{label} (boxes: {len(side.boxes)})', fontsize=10, color=color)
        axes.set_axis_off()
        if with_truth and label != TRUTH:
            for box in picture.truth.boxes:
                outline(axes, box, edgecolor='black', linewidth=1.2)
                outline(axes, box, edgecolor='white', linewidth=1.2, linestyle=(0, (4, 4)))
        draw_side(axes, side, color, width, height)
    return figure


def draw_side(axes: Axes, side: Side, color: str, width: int, height: int) -> None:
    """Boxes in one color, then their tags, the last box's first, each where it covers no other tag if there is room.

    Args:
        axes: With the image, one unit a pixel.
        side: The boxes.
        color: Color of lines and tags.
        width: Width of the image, pixels.
        height: Height of the image, pixels.
    """
    for box in side.boxes:
        outline(axes, box, edgecolor='white', linewidth=3.4, alpha=0.8)  # seen on dark, too
        outline(axes, box, edgecolor=color, linewidth=1.8)
    pixels = width / (PANEL * 72)  # image pixels a point
    taken: list[np.ndarray] = []
    for box, text in reversed(list(zip(side.boxes, side.tags, strict=True))):
        size = pixels * FONT * np.array([text_width(text) + 0.5, 1.5])
        place = free_place(box, size, (width, height), taken)
        taken.append(place)
        axes.add_patch(Rectangle(tuple(place[:2]), *size, facecolor=color, linewidth=0, alpha=0.9))
        x, y = (place[:2] + place[2:]) / 2
        usual: dict[str, Any] = dict(
            color='white', fontsize=FONT, ha='center', va='center_baseline'
        )
        axes.text(x, y, text, family=families(text), **usual)


def outline(axes: Axes, box: np.ndarray, **line: Any) -> None:
    """The border of a box ``x1 y1 x2 y2``."""
    x, y, right, bottom = box
    axes.add_patch(Rectangle((x, y), right - x, bottom - y, fill=False, **line))


def free_place(
    box: np.ndarray, size: np.ndarray, image_size: tuple[int, int], taken: list[np.ndarray]
) -> np.ndarray:
    """Where a tag goes: above its box, below it, inside at the top or the bottom, whichever covers the least.

    Args:
        box: ``x1 y1 x2 y2``.
        size: Width and height of the tag.
        image_size: Width and height of the image; the tag is moved into it.
        taken: Tags that are there, ``x1 y1 x2 y2`` each.

    Returns:
        ``x1 y1 x2 y2`` of the tag.
    """
    x1, y1, x2, y2 = box
    left, right = x1, x2 - size[0]
    rows = (y1 - size[1], y2, y1, y2 - size[1])
    most = np.maximum(np.array(image_size) - size, 0)
    best, least = np.zeros(4), np.inf
    for corner in [(x, y) for y in rows for x in (left, right)]:
        start = np.clip(corner, 0, most)
        place = np.concatenate([start, start + size])
        covered = sum(common_area(place, other) for other in taken)
        # A place that had to be moved into the image is the second choice.
        covered += 1e-3 * float(np.abs(start - corner).sum())
        if covered < least:
            best, least = place, covered
    return best


def common_area(first: np.ndarray, second: np.ndarray) -> float:
    """Area that two boxes share."""
    sides = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    return float(np.prod(np.maximum(sides, 0)))
