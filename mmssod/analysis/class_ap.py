"""AP per class, rarest class of the labeled set first, for several detectors side by side (Table 4 of the paper)."""

import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mmssod.analysis.fonts import families
from mmssod.analysis.plotting import COLORS, new_figure, percent, tidy
from mmssod.environment.whole_files import write_whole
from mmssod.evaluation import DetectorOutputs, evaluate_boxes
from mmssod.evaluation.coco import box_counts, category_ids, rarest


def class_ap(outputs: DetectorOutputs, train_annotations: dict, num_rare: int) -> dict[str, Any]:
    """AP of each class and its mean over the rarest, in percent.

    Args:
        outputs: What the detectors found.
        train_annotations: COCO data set of the labeled images: its boxes say which classes are rare.
        num_rare: Number of rare classes; the paper takes 10.

    Returns:
        ``classes``, rarest first; ``train_boxes`` and ``true_boxes`` (of the images judged on) of each; ``num_rare``;
        ``ap``, of each class by label; ``mean``, by label over ``all`` classes, the ``rare`` and the ``other`` ones.
        None where there is no true box.
    """
    counts = box_counts(train_annotations, category_ids(train_annotations, outputs.classes))
    order = rarest(counts, len(counts))
    rare, other = order[:num_rare], order[num_rare:]
    true = box_counts(outputs.annotations, outputs.class_ids)
    numbers: dict[str, Any] = dict(
        classes=[outputs.classes[index] for index in order],
        train_boxes=[counts[index] for index in order],
        true_boxes=[true[index] for index in order],
        num_rare=len(rare),
        ap={},
        mean={},
    )
    for label, found in outputs.found.items():
        result = evaluate_boxes(outputs.annotations, found, outputs.class_ids)
        numbers['ap'][label] = [percent(result.per_class[index]) for index in order]
        groups = dict(all=order, rare=rare, other=other)
        numbers['mean'][label] = {
            name: percent(result.ap(classes=group)) for name, group in groups.items()
        }
    return numbers


def rows(numbers: dict[str, Any]) -> list[list[Any]]:
    """A table, header first: the means, then a row per class; an empty cell where there is no value."""
    labels = list(numbers['ap'])
    table: list[list[Any]] = [['class', 'train_boxes', 'true_boxes', 'rare', *labels]]
    for name, text in mean_names(numbers).items():
        table.append([text, '', '', '', *(numbers['mean'][label][name] for label in labels)])
    for place, name in enumerate(numbers['classes']):
        counts = numbers['train_boxes'][place], numbers['true_boxes'][place]
        flag = int(place < numbers['num_rare'])
        table.append([name, *counts, flag, *(numbers['ap'][label][place] for label in labels)])
    return table


def mean_names(numbers: dict[str, Any]) -> dict[str, str]:
    """The groups of classes that have a mean, with their names for people."""
    total, rare = len(numbers['classes']), numbers['num_rare']
    names = dict(all=f'all {total}', rare=f'rarest {rare}', other=f'other {total - rare}')
    return {
        key: names[key]
        for key, size in dict(all=total, rare=rare, other=total - rare).items()
        if size
    }


def text_rows(numbers: dict[str, Any]) -> list[list[str]]:
    """The table as text; percent with one digit."""

    def text(cell: Any) -> str:
        return f'{cell:.1f}' if isinstance(cell, float) else '' if cell is None else str(cell)

    return [[text(cell) for cell in row] for row in rows(numbers)]


def write_csv(numbers: dict[str, Any], path: Path) -> None:
    """Write the table."""
    stream = io.StringIO(newline='')
    csv.writer(stream).writerows(rows(numbers))
    write_whole(path, stream.getvalue())


def draw(numbers: dict[str, Any]) -> Figure:
    """Bars of what :func:`class_ap` gives: the means on top, below them the classes, rarest first."""
    table = rows(numbers)[1:]
    labels, means = list(numbers['ap']), len(mean_names(numbers))
    places = np.arange(len(table)) + np.where(np.arange(len(table)) < means, 0.0, 0.6)
    thickness = 0.8 / max(len(labels), 1)
    figure = new_figure(6.5, 1.2 + len(table) * max(0.26, 0.13 * len(labels)))
    axes = figure.subplots()
    for index, label in enumerate(labels):
        values = [math.nan if row[4 + index] is None else row[4 + index] for row in table]
        offset = (index - (len(labels) - 1) / 2) * thickness
        color = COLORS[index % len(COLORS)]
        bars = axes.barh(places + offset, values, thickness, color=color, label=label)
        texts = ['' if math.isnan(value) else f'{value:.1f}' for value in values]
        axes.bar_label(bars, texts, padding=2, fontsize=6.5)
    names = [row[0] if row[1] == '' else f'{row[0]} ({row[1]})' for row in table]
    axes.set_yticks(places, names, family=families(''.join(names)))
    if numbers['num_rare']:
        first = places[means]
        axes.axhspan(first - 0.5, first + numbers['num_rare'] - 0.5, color='0.93', zorder=0)
    axes.set(xlabel='AP (%)', ylabel='class (boxes in the training set)')
    axes.set_ylim(places[-1] + 0.6, -0.6)
    tidy(axes)
    axes.grid(axis='y', visible=False)
    figure.legend(loc='outside upper center', ncols=min(len(labels), 4), frameon=False)
    return figure
