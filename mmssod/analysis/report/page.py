"""Renders the report: decides where each chart stands and fills the HTML template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from mmssod.analysis.report.charts import Series, histogram, line_chart
from mmssod.analysis.report.gallery import Item, Panel, Shape
from mmssod.analysis.report.numbers import BINS, Labels, Score
from mmssod.analysis.report.run_charts import balances, curves
from mmssod.analysis.report.runs import RunRecord
from mmssod.analysis.report.why import Why
from mmssod.analysis.report.why_page import why_parts
from mmssod.analysis.verdict import Verdict

WORDS = dict(kept='found', rejected='rejected', truth='true')
"""What boxes of each layer are called, where a page does not say otherwise."""
READABLE = 8  # boxes in a small picture whose names do not hide it


@dataclass(frozen=True)
class Page:
    """All that the page shows.

    Args:
        title: Heading of the page.
        runs: The runs, in the order of their names' columns.
        facts: For each run, what was trained on what: names and values.
        classes: Names in the order of labels.
        scores: Scores of each detector.
        test: What they were judged on, in words.
        verdict: What unlabeled images gained; None where no run has used any, or nothing was evaluated.
        judged: Labels of the baseline and of the detector that is judged by it; () for none.
        folds: One row per fold of a cross-validation: fold, images, boxes, AP of baseline and student, difference.
        why: Errors of the baseline and the student, or of one of them.
        judged_labels: What the teacher's pseudo labels would be on the test images; None without a teacher.
        thresholds_file: Name of the json with the best thresholds, beside the page; '' for none.
        results: For each run, the label of the detector that it tests with.
        rare: Indices of the rare classes.
        labeled_boxes: Labeled boxes per class; None if the labeled set is missing.
        labels: Pseudo labels, one a detector that labels.
        label_note: What the pseudo labels were made and judged on, in words.
        label_gallery, difference_gallery: Pictures.
        measured: Command, date, versions and hardware.
    """

    title: str
    runs: Sequence[RunRecord]
    facts: dict[str, dict[str, str]]
    classes: Sequence[str]
    scores: Sequence[Score]
    test: str
    verdict: Verdict | None = None
    judged: tuple[str, ...] = ()
    folds: Sequence[Mapping[str, Any]] = ()
    why: Sequence[Why] = ()
    judged_labels: Labels | None = None
    thresholds_file: str = ''
    results: Mapping[str, str] = field(default_factory=dict)
    rare: Sequence[int] = ()
    labeled_boxes: Sequence[int] | None = None
    labels: Sequence[Labels] = ()
    label_note: str = ''
    label_gallery: Sequence[Item] = ()
    difference_gallery: Sequence[Item] = ()
    measured: dict[str, str] = field(default_factory=dict)


def render(page: Page) -> str:
    """The page as one HTML text, with its style, script and pictures inside."""
    colors = colors_of(page)
    return filled(
        'page.html',
        page=page,
        rows=class_rows(page),
        tiles=tiles(page),
        colors=colors,
        why=why_parts(page.why, page.classes, colors),
        judged_labels=page.judged_labels,
        iou_chart=iou_chart(page.scores, colors),
        curves=curves(page.runs, colors),
        balances=balances(page.runs),
        histograms=[(labels, histograms(labels)) for labels in page.labels],
        quality_chart=quality_chart(page.labels, colors),
    )


def filled(template: str, **values: Any) -> str:
    """A template of this folder with its values, style and script."""
    environment = Environment(
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        loader=FunctionLoader(_file),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, signed=signed, place=place)
    environment.globals.update(
        shown_layers=shown_layers, names_fit=names_fit, counted=counted, WORDS=WORDS
    )
    style, script = (Markup(_file(f'page.{kind}')) for kind in ('css', 'js'))
    return environment.get_template(template).render(style=style, script=script, **values)


def shown_layers(items: Sequence[Item]) -> set[str]:
    """Kinds of boxes that some picture of a gallery has."""
    return {shape.layer for item in items for panel in item.panels for shape in panel.shapes}


def names_fit(items: Sequence[Item], layers: Sequence[tuple[str, bool]]) -> bool:
    """Whether names of boxes can be read in small pictures: few boxes a panel of the layers that are on at first."""
    on = {layer for layer, shown in layers if shown}
    panels = [panel for item in items for panel in item.panels]
    boxes = sum(shape.layer in on for panel in panels for shape in panel.shapes)
    return boxes <= READABLE * len(panels)


def place(shape: Shape, item: Item) -> Markup:
    """Attributes of a box's text: above the box, below it for true boxes; to the left where the right is near."""
    size = item.width / 32
    x1, y1, x2, y2 = shape.box
    right = x1 > 0.6 * item.width
    above = y1 - size * 0.25 if y1 > size * 1.2 else y1 + size
    below = y2 + size if y2 < item.height - size * 1.2 else y2 - size * 0.25
    y = below if shape.layer == 'truth' else above
    anchor = 'end' if right else 'start'
    return Markup(
        f'x="{x2 if right else x1:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="--size:{size:.1f}px"'
    )


def number(value: float | None) -> str:
    """Percent with one digit; a dash for none."""
    return '–' if value is None else f'{value:.1f}'


def signed(value: float | None) -> str:
    """A difference with its sign."""
    return '–' if value is None else f'{value:+.1f}'


def tiles(page: Page) -> list[dict[str, Any]]:
    """Of each detector its figures; of the one that is judged also the difference in AP to its baseline.

    The difference has a color only where its interval is on one side of 0.
    """
    baseline, student = judged_scores(page)
    sides = {'gained': 'up', 'lost': 'down'}
    return [
        dict(
            score=score,
            gain=_minus(score.mean, baseline.mean) if baseline and score is student else None,
            than=baseline.label if baseline else '',
            side=sides.get(page.verdict.outcome, '') if page.verdict else '',
        )
        for score in page.scores
    ]


def judged_scores(page: Page) -> tuple[Score | None, Score | None]:
    """The baseline and the detector that is judged by it; None twice where nothing is judged."""
    by_label = {score.label: score for score in page.scores}
    if len(page.judged) != 2 or not all(label in by_label for label in page.judged):
        return None, None
    return by_label[page.judged[0]], by_label[page.judged[1]]


def class_rows(page: Page) -> list[dict[str, Any]]:
    """A row per class, in the order of labels: labeled boxes, rare or not, AP of each detector, and the change."""
    baseline, student = judged_scores(page)
    rows = []
    for index, name in enumerate(page.classes):
        counts = page.labeled_boxes
        change = (
            _minus(student.classes[index], baseline.classes[index])
            if student and baseline
            else None
        )
        rows.append(
            dict(
                name=name,
                boxes=None if counts is None else counts[index],
                rare=index in page.rare,
                ap=[score.classes[index] for score in page.scores],
                gain=change,
            )
        )
    return rows


def colors_of(page: Page) -> dict[str, int]:
    """The number of the color of each run and detector, the same in the whole page.

    A run has the color of the detector that it tests with; where none is known, that of its name, and of one run alone
    that of its last detector.
    """
    labels = [score.label for score in page.scores] + [labels.label for labels in page.labels]
    names = [run.name for run in page.runs]
    results = {name: label for name, label in page.results.items() if label in labels}
    if len(names) == 1 and labels:
        results.setdefault(names[0], page.scores[-1].label if page.scores else labels[-1])
    shown = [results.get(name, name) for name in names]
    order = labels if len(names) == 1 and labels else [*shown, *labels]
    colors = {label: place for place, label in enumerate(dict.fromkeys(order))}
    return {**{name: colors[label] for name, label in zip(names, shown, strict=True)}, **colors}


def counted(panel: Panel, words: Mapping[str, str] = WORDS) -> str:
    """How many boxes of each kind a panel has, in words."""
    layers = [shape.layer for shape in panel.shapes]
    return ', '.join(f'{layers.count(key)} {word}' for key, word in words.items() if key in layers)


def iou_chart(scores: Sequence[Score], colors: Mapping[str, int]) -> Markup:
    """AP over IoU thresholds."""
    series = [Series(score.label, score.ious, color=colors[score.label]) for score in scores]
    return line_chart('AP at each IoU threshold', series, 'IoU threshold', 'AP (%)')


def histograms(labels: Labels) -> list[Markup]:
    """Certainties of rejected and kept boxes."""
    mean = sum(labels.thresholds) / len(labels.thresholds)
    charts = []
    for name, (rejected, kept) in labels.histograms.items():
        if name == 'v' and not any(rejected[:-1] + kept[:-1]):  # always 1
            continue
        low = next((i for i, (r, k) in enumerate(zip(rejected, kept, strict=True)) if r + k), BINS)
        word = 'threshold' if len({*labels.thresholds}) == 1 else 'mean threshold'
        marks = [(word, mean)] if name == labels.certainty and low < BINS else []
        title = f'{labels.label}: {name} of found boxes on unlabeled images'
        charts.append(histogram(title, [('kept', kept), ('rejected', rejected)], name, marks))
    return charts


def quality_chart(labels: Sequence[Labels], colors: Mapping[str, int]) -> Markup:
    """Precision and recall over one threshold for all classes."""
    series = [
        Series(
            f'{one.label}: {name}',
            [(row[0], row[place]) for row in one.curve],
            dashed=place == 2,
            color=colors[one.label],
        )
        for one in labels
        for place, name in ((1, 'precision'), (2, 'recall'))
        if one.curve
    ]
    text = 'Precision and recall of pseudo boxes at IoU 0.5, one threshold for all classes'
    return line_chart(text, series, 'threshold', '%', high=100)


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _file(name: str) -> str:
    return files('mmssod.analysis.report').joinpath(name).read_text(encoding='utf-8')
