"""Charts of training runs: losses, AP, pseudo boxes and class balance over iterations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from mmssod.analysis.report.charts import Series, line_chart
from mmssod.analysis.report.runs import RunRecord

MOST_CLASSES = 24  # lines that a chart tells apart


def curves(runs: Sequence[RunRecord], colors: Mapping[str, int]) -> list[Markup]:
    """Losses, AP and pseudo boxes over iterations; runs side by side in each chart, each in its color."""
    many = len(runs) > 1

    def label(run: RunRecord, name: str) -> str:
        return f'{run.name}: {name}' if many else name

    def color(run: RunRecord) -> int | None:
        return colors[run.name] if many else None

    losses = [
        Series(label(run, name), _sum(run, prefix), dashed=name == 'unlabeled', color=color(run))
        for run in runs
        for name, prefix in (('labeled', 'sup_'), ('unlabeled', 'unsup_'))
        if _sum(run, prefix)
    ]
    losses += [  # of runs on labeled images alone
        Series(label(run, 'labeled'), run.train['loss'], color=color(run))
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
            color=color(run),
        )
        for run in runs
        for key, metric in _ap_keys(run).items()
        if len(run.evaluations) > 1  # a single one is the result, not a curve
    ]
    boxes = [
        Series(label(run, 'kept'), run.train[name], color=color(run))
        for run in runs
        for name in ('pseudo/boxes_per_image', 'pseudo_boxes')
        if name in run.train
    ][: len(runs)]
    medians = [
        Series(
            label(run, f'median {c}'),
            run.train[f'pseudo/{c}_median'],
            dashed=c == 'v',
            color=color(run),
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
        line_chart('Kept pseudo boxes per image', boxes, 'iteration', 'boxes per image'),
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
