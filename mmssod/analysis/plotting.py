"""Shared by all figures: a color-blind-safe palette, and PNG files saved with their numbers as json.

Figures are drawn without pyplot, so no window and no global state.
"""

import json
import math
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole

# Okabe and Ito's palette without its yellow, which is too light for lines.
COLORS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
MARKERS = ('o', 's', '^', 'D', 'v', 'P', 'X')


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, 150 pixels an inch."""
    return Figure(figsize=(width, height), dpi=150, layout='constrained')


def style(index: int) -> dict[str, Any]:
    """Color and marker of the detector at an index."""
    return dict(color=COLORS[index % len(COLORS)], marker=MARKERS[index % len(MARKERS)])


def tidy(axes: Axes) -> None:
    """Light grid below the data, no box around it."""
    axes.grid(color='0.9', linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)


def draw_curves(
    iou: Sequence[float], curves: dict[str, Sequence[float | None]], name: str
) -> Figure:
    """One line a detector over IoU thresholds.

    Args:
        iou: The thresholds.
        curves: Percent at each threshold by the text of the legend; None leaves a gap.
        name: Label of the vertical axis.
    """
    figure = new_figure(5.5, 3.8)
    axes = figure.subplots()
    for index, (label, values) in enumerate(curves.items()):
        heights = [math.nan if value is None else value for value in values]
        axes.plot(iou, heights, label=label, markersize=5, linewidth=1.8, **style(index))
    axes.set(xlabel='IoU threshold', ylabel=name, xticks=list(iou))
    axes.set_ylim(bottom=0)
    tidy(axes)
    axes.legend(frameon=False)
    return figure


def percent(value: float | None) -> float | None:
    """A share in percent, to four digits; None where it is undefined (None, NaN, or COCO's -1)."""
    return None if value is None or math.isnan(value) or value < 0 else round(100 * value, 4)


def save(figure: Figure, numbers: dict[str, Any], out: str | Path) -> None:
    """Write a figure and, beside it with the ending ``.json``, the numbers that it shows.

    Args:
        figure: The figure.
        numbers: What was drawn; None, and not NaN, where there is no value.
        out: A ``.png`` file; its folder is made.

    Raises:
        ValueError: If ``out`` is no ``.png``.
    """
    path = png_path(out)
    write_whole(path.with_suffix('.json'), json.dumps(numbers, indent=1, allow_nan=False) + '\n')
    write_png(figure, path)


def write_png(figure: Figure, path: Path, **options: Any) -> None:
    """Write a figure; ``options`` are those of ``savefig``."""
    content = BytesIO()
    figure.savefig(content, format='png', **options)
    write_whole(path, content.getvalue(), sync=False)


def png_path(out: str | Path) -> Path:
    """A ``.png`` file in a folder that is there."""
    path = Path(out)
    if path.suffix != '.png':
        raise InputError(f'out: expected a file name ending in .png, got {out}')
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
