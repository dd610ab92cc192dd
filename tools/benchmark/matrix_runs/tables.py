"""Finished runs as tables, in the terminal and as a documentation page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, stdev

from scipy.stats import t

from matrix_runs.matrix import Matrix
from matrix_runs.runs import Run
from mmssod.analysis.markdown import measured_with, pipe_table

COLUMNS = {
    'AP': 'mAP',
    'AP50': 'mAP_50',
    'AP75': 'mAP_75',
    'AP rare': 'mAP_rare',
    'AP frequent': 'mAP_frequent',
}

PAPER_COLUMNS = (
    'Columns headed "paper" are what the paper reports for the row, on 2 % of COCO with ResNet-50: to compare the '
    'differences between rows, not the figures.'
)

DIFFERENCES = (
    "Means over the seeds that both rows have, and the 95 % interval of that mean, of Student's t with paired seeds. "
    'An interval that holds 0 shows no difference.'
)


def figure(run: Run, column: str) -> float | None:
    """A figure in percent by its column, None where the metric does not give it."""
    return percent(run.metrics, column)


def percent(metrics: Mapping[str, float], column: str) -> float | None:
    """The same of a metric's figures by name."""
    for name, value in metrics.items():
        if name.endswith('bbox_' + COLUMNS[column]):
            return 100 * value
    return None


def best(run: Run) -> float | None:
    """AP in percent of the best evaluation on the way, the last one included."""
    found = [percent(metrics, 'AP') for metrics in [*run.curve, run.metrics]]
    return max((value for value in found if value is not None), default=None)


def known_columns(metrics: Sequence[Mapping[str, float]]) -> list[str]:
    """The columns that at least one of several evaluations has a figure for."""
    return [name for name in COLUMNS if any(percent(one, name) is not None for one in metrics)]


def spread(values: Sequence[float | None]) -> str:
    """Mean and, for several values, standard deviation; empty when one is missing."""
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not known:
        return ''
    text = f'{mean(known):.1f}'
    return text if len(known) == 1 else f'{text} ± {stdev(known):.1f}'


def table(matrix: Matrix, runs: Sequence[Run]) -> list[list[str]]:
    """Rows of text, a header first: a row a recipe, mean and deviation over seeds, then the paper's figures."""
    columns = known_columns([run.metrics for run in runs])
    paper = [name for name in COLUMNS if any(name in recipe.paper for recipe in matrix.recipes)]
    on_the_way = any(len(run.curve) > 1 for run in runs)
    of_a_core = any(run.cpu_seconds for run in runs)
    rows = [
        [
            '',
            'iterations',
            *columns,
            *(['best AP'] if on_the_way else []),
            'seconds',
            *(['core seconds'] if of_a_core else []),
            'MiB',
            *(f'paper: {name}' for name in paper),
        ]
    ]
    for recipe in matrix.recipes:
        same = [run for run in runs if run.name == recipe.name]
        if not same:
            continue
        rows.append(
            [
                recipe.name,
                ' + '.join(str(number) for number in budget(matrix, recipe.name)),
                *(spread([figure(run, column) for run in same]) for column in columns),
                *([spread([best(run) for run in same])] if on_the_way else []),
                f'{mean(run.seconds for run in same):.0f}',
                *([f'{mean(run.cpu_seconds for run in same):.0f}'] if of_a_core else []),
                f'{mean(run.memory for run in same):.0f}',
                *(f'{recipe.paper[name]}' if name in recipe.paper else '' for name in paper),
            ]
        )
    return rows


def differences(matrix: Matrix, runs: Sequence[Run]) -> list[list[str]]:
    """Rows of text, a header first: of each pair of ``matrix.compare`` the mean difference and its interval.

    Seeds that both rows have are paired, and differences of seeds taken for normal: Student's t, 95 %.
    """
    columns = known_columns([run.metrics for run in runs])
    rows = [['', 'seeds', *columns]]
    for pair in matrix.compare:
        first, second = ({run.seed: run for run in runs if run.name == name} for name in pair)
        seeds = sorted(first.keys() & second.keys())
        if not seeds:
            continue
        texts = []
        for column in columns:
            both = [(figure(first[seed], column), figure(second[seed], column)) for seed in seeds]
            known = [a - b for a, b in both if a is not None and b is not None]
            texts.append(interval(known) if len(known) == len(seeds) else '')
        rows.append([f'{pair[0]} less {pair[1]}', str(len(seeds)), *texts])
    return rows


def interval(values: Sequence[float]) -> str:
    """Mean of several values and the half width of its 95 % interval; of one value, itself."""
    if len(values) == 1:
        return f'{values[0]:+.1f}'
    reach = float(t.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return f'{mean(values):+.1f} ± {reach:.1f}'


def mean_table(evaluations: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """Rows of text, a header first: a row an evaluation (with its iteration, ``step``), the last mean and deviation."""
    columns = known_columns(list(evaluations.values()))
    rows = [['', 'iteration', *columns]]
    for name, metrics in evaluations.items():
        figures = [spread([percent(metrics, column)]) for column in columns]
        rows.append([name, f'{metrics["step"]:.0f}', *figures])
    means = [spread([percent(one, column) for one in evaluations.values()]) for column in columns]
    return [*rows, ['mean', '', *means]]


def budget(matrix: Matrix, name: str) -> list[int]:
    """Training iterations of a recipe, those of what it starts from before them."""
    recipe = matrix[name]
    before = [number for name in recipe.needs for number in budget(matrix, name)]
    return [*before, recipe.iterations]


def page(matrix: Matrix, runs: Sequence[Run], command: str) -> str:
    """A results page: the table, what it says, every run, and what they were measured with."""
    lines = [f'# {matrix.title}', '', matrix.note, '', *pipe_table(table(matrix, runs)), '']
    if any(recipe.paper for recipe in matrix.recipes):
        lines += [PAPER_COLUMNS, '']
    if len(compared := differences(matrix, runs)) > 1:
        lines += ['## Differences', '', DIFFERENCES, '', *pipe_table(compared), '']
    if matrix.findings:
        lines += ['## What it says', '', matrix.findings, '']
    columns = known_columns([run.metrics for run in runs])
    rows = [['run', 'seed', *columns, 'seconds', 'date']]
    for run in runs:
        figures = [spread([figure(run, column)]) for column in columns]
        rows.append([run.name, str(run.seed), *figures, f'{run.seconds:.0f}', run.date])
    lines += ['## Every run', '', *pipe_table(rows), '']
    shown = {
        'command': f'`{command}`',
        'seeds': ', '.join(str(seed) for seed in sorted({run.seed for run in runs})),
        'configs': ', '.join(dict.fromkeys(f'`{recipe.config}`' for recipe in matrix.recipes)),
        **{
            key: ', '.join(sorted({str(run.environment.get(key, '')) for run in runs}))
            for key in runs[0].environment
        },
    }
    return '\n'.join([*lines, *measured_with(shown)]) + '\n'
