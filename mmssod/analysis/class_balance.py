"""Thresholds tau_m and loss weights alpha_m over a training, from the file that ``ClassBalanceHook`` writes.

``T`` lines of the file, ``M`` classes.
"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from mmssod.analysis.fonts import families
from mmssod.analysis.plotting import new_figure, tidy
from mmssod.environment.errors import InputError
from mmssod.environment.log_entries import log_entries

LEGEND_ENTRIES = 12


def class_balance(work_dir: str | Path) -> dict[str, Any]:
    """Read a run's class balance.

    Args:
        work_dir: Work directory of a student's training.

    Returns:
        ``classes`` and ``labeled_boxes`` (M each), ``iterations`` (T), and T lists of M: ``thresholds``, ``weights``,
        ``counts`` of foreground candidates, their mean ``certainty`` p*v and ``pseudo_boxes`` an image; None in the
        place of a list that the line has not.

    Raises:
        ValueError: If the file is not there, does not begin with the line of iteration 0, or a line has no iteration.
    """
    path = Path(work_dir) / 'class_balance.jsonl'
    if not path.exists():
        raise InputError(
            f'class balance: expected {path}, found none; ClassBalanceHook writes it, so name the work '
            'directory of a training with pseudo labels'
        )
    records = log_entries(path)
    first = records[0] if records else {}
    if not {'classes', 'labeled_boxes'} <= first.keys() or not all('iter' in r for r in records):
        raise InputError(
            f'class balance: expected a first line with the classes in {path}, found '
            f'{sorted(records[0]) if records else "no line"}; the run was started by another version: start it again'
        )
    over_time = ('thresholds', 'weights', 'counts', 'certainty', 'pseudo_boxes')
    return dict(
        classes=records[0]['classes'],
        labeled_boxes=records[0]['labeled_boxes'],
        iterations=[record['iter'] for record in records],
        **{name: [record.get(name) for record in records] for name in over_time},
    )


def draw(numbers: dict[str, Any]) -> Figure:
    """Two panels of what :func:`class_balance` gives: one line per class, dark for rare ones, light for common ones."""
    order = np.argsort(numbers['labeled_boxes'], kind='stable')
    shades = colormaps['viridis'](np.linspace(0, 0.88, len(order)))
    named = set(np.linspace(0, len(order) - 1, min(LEGEND_ENTRIES, len(order))).round().astype(int))
    figure = new_figure(7.0, 5.0)
    panels = figure.subplots(2, 1, sharex=True)
    names = {'thresholds': 'threshold $\\tau_m$', 'weights': 'loss weight $\\alpha_m$'}
    for axes, (key, name) in zip(panels, names.items(), strict=True):
        values = np.array(numbers[key], dtype=float)
        for rank, index in enumerate(order):
            text = f'{numbers["classes"][index]} ({numbers["labeled_boxes"][index]})'
            label = text if rank in named and key == 'thresholds' else None
            axes.plot(
                numbers['iterations'], values[:, index], color=shades[rank], label=label,
                marker='.' if len(values) < 30 else None,
            )  # fmt: skip
        axes.set_ylabel(name)
        tidy(axes)
    panels[1].set_xlabel('iteration')
    some = '' if len(named) == len(order) else f'{len(named)} of {len(order)} '
    legend = f'{some}classes (labeled boxes)'
    font = dict(family=families(''.join(numbers['classes'])), size=8)
    figure.legend(loc='outside right upper', title=legend, frameon=False, prop=font)
    return figure
