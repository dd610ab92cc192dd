"""From numbers to the page: which charts stand where, and the template that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, select_autoescape
from markupsafe import Markup

from mmssod.analysis.report.charts import Series, histogram, line_chart
from mmssod.analysis.report.gallery import Item, Shape
from mmssod.analysis.report.numbers import BINS, Labels, Score
from mmssod.analysis.report.runs import RunRecord
from mmssod.analysis.verdict import Verdict

MOST_CLASSES = 24  # lines that a chart tells apart
READABLE = 8  # boxes in a small picture whose names do not hide it


@dataclass(frozen=True)
class Page:
    """All that the page shows.

    Args:
        title: Its heading.
        runs: The runs, in the order of their names' columns.
        facts: Of each run, what was trained on what: names and values.
        classes: Names in the order of labels.
        scores: Of each detector.
        test: What they were judged on, in words.
        verdict: What unlabeled images gained; None where no run has used any, or nothing was evaluated.
        judged: Labels of the baseline and of the detector that is judged by it; () for none.
        rare: Indices of the rare classes.
        labeled_boxes: Of each class; None where the labeled set is not there.
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
    rare: Sequence[int] = ()
    labeled_boxes: Sequence[int] | None = None
    labels: Sequence[Labels] = ()
    label_note: str = ''
    label_gallery: Sequence[Item] = ()
    difference_gallery: Sequence[Item] = ()
    measured: dict[str, str] = field(default_factory=dict)


def render(page: Page) -> str:
    """The page as one HTML text, with its style, script and pictures inside."""
    environment = Environment(
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, signed=signed, place=place)
    environment.globals.update(shown_layers=shown_layers, names_fit=names_fit)
    return environment.from_string(_file('page.html')).render(
        page=page,
        style=Markup(_file('page.css')),
        script=Markup(_file('page.js')),
        rows=class_rows(page),
        tiles=tiles(page),
        iou_chart=iou_chart(page.scores),
        curves=curves(page.runs),
        balances=balances(page.runs),
        histograms=[(labels, histograms(labels)) for labels in page.labels],
        quality_chart=quality_chart(page.labels),
    )


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


def iou_chart(scores: Sequence[Score]) -> Markup:
    """AP over IoU thresholds."""
    series = [Series(score.label, score.ious) for score in scores]
    return line_chart('AP at each IoU threshold', series, 'IoU threshold', 'AP (%)')


def curves(runs: Sequence[RunRecord]) -> list[Markup]:
    """Losses, AP and pseudo boxes over iterations; runs side by side in each chart, a color a run."""
    many = len(runs) > 1

    def label(run: RunRecord, name: str) -> str:
        return f'{run.name}: {name}' if many else name

    def group(run: RunRecord) -> str:
        return run.name if many else ''

    losses = [
        Series(label(run, name), _sum(run, prefix), dashed=name == 'unlabeled', group=group(run))
        for run in runs
        for name, prefix in (('labeled', 'sup_'), ('unlabeled', 'unsup_'))
        if _sum(run, prefix)
    ]
    losses += [  # of runs on labeled images alone
        Series(label(run, 'labeled'), run.train['loss'], group=group(run))
        for run in runs
        if 'loss' in run.train and not _sum(run, 'sup_')
    ]
    pieces = [
        Series(f'{loss} ({source})', points, dashed=dashed, group=loss)
        for run in runs[-1:]
        for prefix, source, dashed in (('sup_', 'labeled', False), ('unsup_', 'unlabeled', True))
        for name, points in run.train.items()
        if name.startswith(prefix) and 'loss' in name
        for loss in [name.removeprefix(prefix)]
    ]
    ap = [
        Series(
            label(run, metric),
            [(at, 100 * values[key]) for at, values in run.evaluations.items() if key in values],
            dashed=metric == 'AP50',
            group=group(run),
        )
        for run in runs
        for key, metric in _ap_keys(run).items()
        if len(run.evaluations) > 1  # a single one is the result, not a curve
    ]
    boxes = [
        Series(label(run, 'kept'), run.train[name])
        for run in runs
        for name in ('pseudo/boxes_per_image', 'pseudo_boxes')
        if name in run.train
    ][: len(runs)]
    medians = [
        Series(
            label(run, f'median {c}'),
            run.train[f'pseudo/{c}_median'],
            dashed=c == 'v',
            group=group(run),
        )
        for run in runs
        for c in 'pv'
        if f'pseudo/{c}_median' in run.train
    ]
    drawn = [
        line_chart('Losses, summed by source', losses, 'iteration', 'loss'),
        line_chart(
            f'Single losses of {runs[-1].name}' if runs else '', pieces, 'iteration', 'loss'
        ),
        line_chart('AP at each evaluation of the training', ap, 'iteration', 'AP (%)'),
        line_chart('Kept pseudo boxes an image', boxes, 'iteration', 'boxes an image'),
        line_chart(
            'Medians of p and v of kept pseudo boxes', medians, 'iteration', 'certainty', high=1
        ),
    ]
    return [chart for chart in drawn if chart]


def balances(runs: Sequence[RunRecord]) -> list[tuple[RunRecord, list[Markup]]]:
    """Thresholds and weights by class over iterations, of each run that balances.

    Of more than ``MOST_CLASSES`` classes the rarest and the most frequent are shown, and that of the filter.
    """
    found = []
    for run in runs:
        if run.balance is None:
            continue
        names, at = run.balance['classes'], run.balance['iterations']
        order = sorted(range(len(names)), key=run.balance['labeled_boxes'].__getitem__)
        half = MOST_CLASSES // 2
        hidden = set(order[half:-half]) if len(names) > MOST_CLASSES else set()
        which = (
            f'the {half} classes with the fewest labeled boxes and the {half} with the most, of {len(names)}; '
            'the filter adds one'
            if hidden
            else 'each class'
        )
        charts = []
        for key, text in (
            ('thresholds', 'Threshold tau'),
            ('weights', 'Loss weight alpha'),
        ):
            series = [
                Series(
                    name,
                    list(zip(at, (row[i] for row in run.balance[key]), strict=True)),
                    key=name,
                    hidden=i in hidden,
                )
                for i, name in enumerate(names)
            ]
            charts.append(
                line_chart(f'{text} of {which}', series, 'iteration', text.lower(), low=None)
            )
        found.append((run, charts))
    return found


def histograms(labels: Labels) -> list[Markup]:
    """Certainties of rejected and kept boxes."""
    mean = sum(labels.thresholds) / len(labels.thresholds)
    charts = []
    for name, (rejected, kept) in labels.histograms.items():
        low = next((i for i, (r, k) in enumerate(zip(rejected, kept, strict=True)) if r + k), BINS)
        marks = [('threshold', mean)] if name == labels.certainty and low < BINS else []
        title = f'{labels.label}: {name} of found boxes on unlabeled images'
        charts.append(histogram(title, [('kept', kept), ('rejected', rejected)], name, marks))
    return charts


def quality_chart(labels: Sequence[Labels]) -> Markup:
    """Precision and recall over one threshold for all classes."""
    series = [
        Series(
            f'{one.label}: {name}', [(row[0], row[place]) for row in one.curve], dashed=place == 2
        )
        for one in labels
        for place, name in ((1, 'precision'), (2, 'recall'))
        if one.curve
    ]
    text = 'Precision and recall of pseudo boxes at IoU 0.5, one threshold for all classes'
    return line_chart(text, series, 'threshold', '%', high=100)


def _sum(run: RunRecord, prefix: str) -> list[tuple[float, float | None]]:
    """Sum of all losses of a source at each logged iteration."""
    total: dict[int, float] = {}
    for name, points in run.train.items():
        if name.startswith(prefix) and 'loss' in name:
            for at, value in points:
                total[at] = total.get(at, 0.0) + value
    return sorted(total.items())


def _ap_keys(run: RunRecord) -> dict[str, str]:
    """Metrics to draw by their names in the log: AP and AP50."""
    names = {key for values in run.evaluations.values() for key in values}
    wanted = {'mAP': 'AP', 'mAP_50': 'AP50', 'AP50': 'AP50'}
    found: dict[str, str] = {}
    for name in sorted(names):
        end = name.split('/')[-1].removeprefix('bbox_')
        if end in wanted and wanted[end] not in found.values():
            found[name] = wanted[end]
    return found


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _file(name: str) -> str:
    return files('mmssod.analysis.report').joinpath(name).read_text(encoding='utf-8')
