"""Draws training images as the detector sees them, one panel per view with its boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from mmssod.analysis.drawing import PANEL, draw_side
from mmssod.analysis.fonts import families
from mmssod.analysis.pictures import Side
from mmssod.analysis.plotting import COLORS, new_figure


@dataclass(frozen=True)
class ShownView:
    """One view of an image.

    Args:
        name: Name of the branch: ``labeled``, ``weak``, ``strong``, ...
        image: RGB, shape (H, W, 3), uint8.
        side: Boxes of the view, in the view's pixels.
    """

    name: str
    image: np.ndarray
    side: Side


def draw(views: Sequence[ShownView], title: str) -> Figure:
    """One panel a view, side by side; at least one view."""
    ratio = max(view.image.shape[0] / view.image.shape[1] for view in views)
    figure = new_figure(PANEL * len(views), PANEL * ratio + 0.5)
    panels = figure.subplots(1, len(views), squeeze=False)[0]
    for index, (axes, view) in enumerate(zip(panels, views, strict=True)):
        height, width = view.image.shape[:2]
        axes.imshow(view.image)
        axes.set_title(
            f'{view.name}: {width} x {height} px, boxes: {len(view.side.boxes)}', fontsize=9
        )
        axes.set_axis_off()
        draw_side(axes, view.side, COLORS[index % len(COLORS)], width, height)
    figure.suptitle(title, fontsize=9, family=families(title))
    return figure
