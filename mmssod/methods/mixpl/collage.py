"""Builds mosaics with their boxes from resized and erased views: pure functions.

Boxes are ``x1 y1 x2 y2`` in absolute pixels of their view; sizes are height, width.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import torch
import torch.nn.functional as F
from mmdet.structures.bbox import bbox_overlaps

from mmssod.structures import PseudoLabels, View
from mmssod.structures.views import resized

CELL = 16
"""Sides of a mosaic's quarter are multiples of it."""


def erased(
    view: View, patches: Sequence[Sequence[int]], most: float = 0.7, fill: float = 0.0
) -> View:
    """A view with patches overwritten, without the boxes that lie below them.

    Args:
        view: Whose image is not changed.
        patches: ``x1 y1 x2 y2`` each, the right and lower end excluded.
        most: A box goes when patches cover at least this share of it; where two lie on each other both count.
        fill: Value of a pixel that is erased.
    """
    image = view.image.clone()
    for left, top, right, bottom in patches:
        image[:, top:bottom, left:right] = fill
    boxes = view.labels.boxes
    holes = boxes.new_tensor(patches).reshape(-1, 4)
    covered = bbox_overlaps(boxes, holes, mode='iof').sum(dim=1)
    return view._replace(image=image, labels=view.labels.select(covered < most))


def mirrored_to_fit(view: View, size: tuple[int, int]) -> View:
    """The mirror image of a view, as large as ``size`` can hold it, at its aspect ratio (nearest neighbor)."""
    old = view.image.shape[1:]
    scale = min(size[0] / old[0], size[1] / old[1])
    height, width = new = (max(1, round(scale * old[0])), max(1, round(scale * old[1])))
    image = F.interpolate(view.image[None], new, mode='nearest')[0].flip(-1)
    by_x, by_y = width / old[1], height / old[0]
    matrix = torch.tensor([[-by_x, 0.0, width], [0.0, by_y, 0.0], [0.0, 0.0, 1.0]])
    sample = resized(view.sample, img_shape=new)
    return View(image, sample, view.labels.project(matrix, new))


def collage(
    views: Sequence[View],
    corners: Sequence[tuple[int, int]],
    size: tuple[int, int],
    share: float = 1.0,
    fill: float = 0.0,
) -> View:
    """The sum of ``share`` times each view on one canvas, with the boxes of all, whose weights stay.

    Args:
        views: At least one; the result goes on under the first one's name.
        corners: Top and left of each view on the canvas.
        size: Size of the canvas, which holds all of them.
        share: In [0, 1].
        fill: Value of a pixel without an image; what a view lacks counts as it.
    """
    canvas = views[0].image.new_full((len(views[0].image), *size), fill)
    labels = []
    for view, (top, left) in zip(views, corners, strict=True):
        height, width = view.image.shape[1:]
        canvas[:, top : top + height, left : left + width] += share * (view.image - fill)
        boxes = view.labels.boxes
        labels.append(replace(view.labels, boxes=boxes + boxes.new_tensor([left, top, left, top])))
    padded = tuple(up_to_multiple(side, 32) for side in size)
    sample = resized(views[0].sample, img_shape=size, pad_shape=padded)
    return View(canvas, sample, PseudoLabels.cat(labels))


def mosaic_of_four(views: Sequence[View], fill: float = 0.0) -> View:
    """Four views around the center of one canvas: upper left, upper right, lower left, lower right.

    Each touches the center, whatever its size, so what is blank lies at the outer sides.

    Args:
        views: Four.
        fill: Value of a pixel without an image.
    """
    sizes = [view.image.shape[1:] for view in views]
    height, width = (up_to_multiple(max(sides), CELL) for sides in zip(*sizes, strict=True))
    corners = [
        (
            height - sizes[place][0] if place < 2 else height,
            width if place % 2 else width - sizes[place][1],
        )
        for place in range(4)
    ]
    return collage(views, corners, (2 * height, 2 * width), fill=fill)


def up_to_multiple(side: int, of: int) -> int:
    """The least multiple that is not below the side."""
    return ceil(side / of) * of
