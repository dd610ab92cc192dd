r"""AP over seconds on one core, including start, evaluations and teacher.

Reads runs that ``run.py`` has trained, and draws the mean over seeds. The bar is what the best row of ``--theirs`` ends
with: the table says when each row has reached it in the mean, and how that is to the seconds of that row. For example::

    python tools/benchmark/time_to_ap.py tools/benchmark/matrices/recipe.py --seeds 0 1 2 \
        --rows 'bccd, default' 'bccd, supervised' 'bccd, SemiBaseDetector' --theirs 'bccd, SemiBaseDetector' \
        --out docs/images/time_to_ap_bccd.png
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matrix_runs import Matrix, Run

Curve = tuple[np.ndarray, np.ndarray]
"""Seconds of one core and AP in percent, shape (evaluations,) each, both from the start of the first training on."""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('matrix', help='file with the recipes; their runs are there')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument('--rows', nargs='+', required=True, help='names of recipes')
    parser.add_argument('--theirs', nargs='+', required=True, help='runs to compare with')
    parser.add_argument('--runs', help='folder; default: work_dirs/benchmark/<name of the matrix>')
    parser.add_argument('--out', required=True, help='png file; the json is written beside it')
    return parser.parse_args()


def whole_curve(matrix: Matrix, runs: dict[str, Run], name: str) -> Curve:
    """The evaluations of a row on top of what it starts from: seconds add up, the best AP so far counts.

    Args:
        matrix: The recipes.
        runs: Runs of one seed, by name.
        name: The row.

    Raises:
        ValueError: A run whose evaluations do not say what they cost.
    """
    from matrix_runs.tables import percent

    run, start = runs[name], matrix[name].start
    seconds, ap = whole_curve(matrix, runs, start) if start else (np.zeros(0), np.zeros(0))
    before = runs[start].cpu_seconds + (seconds[-1] - _own_end(runs[start])) if start else 0.0
    points = [point for point in run.curve if 'core_seconds' in point]
    if len(points) < len(run.curve) or not points:
        raise ValueError(
            f'{name}: expected the core seconds of each evaluation, found those of {len(points)} of '
            f'{len(run.curve)}; train it anew with tools/benchmark/run.py'
        )
    seconds = np.append(seconds, [before + point['core_seconds'] for point in points])
    ap = np.append(ap, [percent(point, 'AP') or 0.0 for point in points])
    return seconds, np.maximum.accumulate(ap)


def _own_end(run: Run) -> float:
    return float(run.curve[-1]['core_seconds'])


def mean_curve(curves: Sequence[Curve]) -> Curve:
    """The mean over seeds, evaluation by evaluation.

    Raises:
        ValueError: Curves of different length.
    """
    if len({len(seconds) for seconds, _ in curves}) > 1:
        raise ValueError(
            f'expected as many evaluations in each seed, got {[len(s) for s, _ in curves]}'
        )
    return np.mean([s for s, _ in curves], axis=0), np.mean([ap for _, ap in curves], axis=0)


def reached(curve: Curve, ap: float) -> float:
    """Seconds at which a curve reaches an AP, between evaluations in proportion; NaN if it never does."""
    seconds, values = curve
    above = np.flatnonzero(values >= ap)
    if not len(above):
        return float('nan')
    at = int(above[0])
    if at == 0:
        return float(seconds[0])
    share = (ap - values[at - 1]) / (values[at] - values[at - 1])
    return float(seconds[at - 1] + share * (seconds[at] - seconds[at - 1]))


def main() -> None:
    """Read, draw, print."""
    args = parse_args()
    from matrix_runs import Matrix
    from matrix_runs.runs import read_run
    from mmssod.analysis.markdown import pipe_table
    from mmssod.analysis.plotting import new_figure, save, style, tidy

    matrix = Matrix.fromfile(args.matrix)
    folder = Path(args.runs or f'work_dirs/benchmark/{Path(args.matrix).stem}')

    def runs_of(name: str, seed: int) -> dict[str, Run]:
        recipe = matrix[name]
        before = runs_of(recipe.start, seed) if recipe.start else {}
        return {**before, name: read_run(folder / f'seed_{seed}' / f'{recipe.slug}.json', recipe)}

    curves = {
        name: mean_curve([whole_curve(matrix, runs_of(name, seed), name) for seed in args.seeds])
        for name in args.rows
    }
    best = max(args.theirs, key=lambda name: curves[name][1][-1])
    bar, seconds = float(curves[best][1][-1]), float(curves[best][0][-1])
    rows = [
        ['', 'ends with AP', 'after core seconds', f'reaches {bar:.1f} after', 'share of theirs']
    ]
    figure = new_figure(6.0, 4.0)
    axes = figure.subplots()
    for index, (name, curve) in enumerate(curves.items()):
        axes.plot(*curve, label=name, markersize=5, linewidth=1.8, **style(index))
        when = reached(curve, bar)
        there = ['never', ''] if np.isnan(when) else [f'{when:.0f}', f'{when / seconds:.2f}']
        rows.append([name, f'{curve[1][-1]:.1f}', f'{curve[0][-1]:.0f}', *there])
    axes.axhline(bar, color='0.5', linewidth=1, linestyle='--')
    axes.set(xlabel='seconds of one core', ylabel='best AP so far (%)')
    tidy(axes)
    axes.legend(frameon=False)
    numbers = {
        name: dict(seconds=curve[0].tolist(), ap=curve[1].tolist())
        for name, curve in curves.items()
    }
    save(figure, dict(bar=bar, of=best, seeds=args.seeds, curves=numbers), args.out)
    print('\n'.join(pipe_table(rows)))


if __name__ == '__main__':
    main()
