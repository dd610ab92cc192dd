"""The report's section on errors: tables and charts with the detectors side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from mmssod.analysis.report.charts import Series, line_chart
from mmssod.analysis.report.why import AREAS, CURVE_POINTS, ERRORS, Why

MATRIX_CLASSES = 12  # up to which the whole confusion matrix is shown
CONFUSIONS = 10  # pairs of classes that are listed where there are more
BACKGROUND = 'background'


def why_parts(
    detectors: Sequence[Why], classes: Sequence[str], colors: Mapping[str, int]
) -> dict[str, Any]:
    """All that the section needs; empty without detectors.

    Args:
        detectors: The baseline and the student, or one of them.
        classes: Names in the order of labels.
        colors: Color number of each label.
    """
    if not detectors:
        return {}
    return dict(
        labels=[one.label for one in detectors],
        errors=_error_rows(detectors),
        sizes=[
            (name, text, [one.sizes[name] for one in detectors]) for name, text in AREAS.items()
        ],
        chart=curve_chart(detectors, classes, colors),
        best=[(name, [one.best[i] for one in detectors]) for i, name in enumerate(classes)],
        matrix=len(classes) <= MATRIX_CLASSES,
        names=[*classes, BACKGROUND],
        confusions=[
            (one.label, confusion_rows(one, classes), confused(one, classes)) for one in detectors
        ],
    )


def curve_chart(
    detectors: Sequence[Why], classes: Sequence[str], colors: Mapping[str, int]
) -> Markup:
    """Precision over recall: the mean over classes, and the line of the class that the filter chooses."""
    recalls = [100 * i / (CURVE_POINTS - 1) for i in range(CURVE_POINTS)]
    series = [
        Series(
            f'{one.label}: mean of classes',
            list(zip(recalls, one.mean_curve, strict=False)),
            color=colors[one.label],
        )
        for one in detectors
    ]
    series += [
        Series(
            f'{one.label}: {name}',
            list(zip(recalls, one.curves[place], strict=False)),
            key=name,
            color=colors[one.label],
            dashed=True,
            hidden=True,
        )
        for place, name in enumerate(classes)
        for one in detectors
    ]
    title = 'Precision over recall at IoU 0.5; the class filter adds the line of its class'
    return line_chart(title, series, 'recall (%)', 'precision (%)', high=100)


def confused(one: Why, classes: Sequence[str]) -> list[tuple[str, str, int]]:
    """The most frequent confusions of two classes: true name, found name and count."""
    size = len(classes)
    pairs = [
        (classes[true], classes[found], int(one.confusion[true, found]))
        for true in range(size)
        for found in range(size)
        if true != found and one.confusion[true, found]
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:CONFUSIONS]


def confusion_rows(one: Why, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the matrix: true class, and of each found class the count and its share of the row, in percent."""
    if len(classes) > MATRIX_CLASSES:
        return []
    rows = []
    for place, name in enumerate([*classes, BACKGROUND]):
        counts = [int(number) for number in one.confusion[place]]
        total = max(sum(counts), 1)
        cells = [(number, round(100 * number / total)) for number in counts]
        rows.append(dict(name=name, place=place, cells=cells))
    return rows


def _error_rows(detectors: Sequence[Why]) -> list[dict[str, Any]]:
    return [
        dict(name=name, text=text, values=[one.errors[key] for one in detectors])
        for key, (name, text) in ERRORS.items()
    ]
