"""Teacher, student and supervised training of the same total length, over seeds: what are unlabeled images worth?

One JSON file a run; a run whose file is there is not run again, and one that was cut off resumes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from mmengine.config import Config

from mmssod.apis.training import train
from mmssod.environment import collect

COLUMNS = {'AP': 'mAP', 'AP50': 'mAP_50', 'AP75': 'mAP_75', 'AP rare': 'mAP_rare'}


@dataclass(frozen=True)
class Run:
    """One finished training.

    Args:
        name: Row of the table.
        config: Config file.
        seed: Random seed.
        iterations: Training iterations.
        seconds: Wall-clock time of training and its last evaluation; of the last part where a run was resumed.
        metrics: Figures in [0, 1] by the metric's names.
        environment: Versions and hardware.
        date: Day of the run, ISO.
    """

    name: str
    config: str
    seed: int
    iterations: int
    seconds: float
    metrics: dict[str, float]
    environment: dict[str, str]
    date: str = field(default_factory=lambda: date.today().isoformat())

    def figure(self, column: str) -> float | None:
        """A figure in percent by its column, None where the metric does not give it."""
        for name, value in self.metrics.items():
            if name.endswith('bbox_' + COLUMNS[column]):
                return 100 * value
        return None


def run_once(name: str, config: str, seed: int, folder: Path, load_from: str | None = None) -> Run:
    """Train one config, or read what it gave before.

    Args:
        name: Row of the table; work directory and result file are called so.
        config: Config file.
        seed: Random seed.
        folder: Where both go.
        load_from: Weights to start from; else the config's.
    """
    result = folder / f'{name}.json'
    if result.exists():
        return Run(**json.loads(result.read_text()))
    start = time.time()
    metrics = train(
        config, work_dir=str(folder / name), seed=seed, load_from=load_from, resume='auto'
    )
    run = Run(
        name=name,
        config=config,
        seed=seed,
        iterations=Config.fromfile(config).train_cfg.max_iters,
        seconds=time.time() - start,
        metrics=metrics,
        environment={**collect(), 'threads': str(torch.get_num_threads())},
    )
    result.write_text(json.dumps(asdict(run), indent=1))
    return run


def compare(
    teacher: str, student: str, supervised: str, seeds: Sequence[int], out: str
) -> list[Run]:
    """For each seed a teacher, the student that starts from it, and supervised training of their total length.

    Args:
        teacher: Config file.
        student: Config file; its teacher and its start are the trained teacher.
        supervised: Config file; '' leaves the third row out.
        seeds: Random seeds; all trainings of one share it.
        out: Folder for work directories and results, below ``seed_N``.
    """
    runs = []
    for seed in seeds:
        folder = Path(out) / f'seed_{seed}'
        folder.mkdir(parents=True, exist_ok=True)
        first = run_once('teacher', teacher, seed, folder)
        checkpoint = folder / 'teacher' / f'iter_{first.iterations}.pth'
        runs += [first, run_once('student', student, seed, folder, load_from=str(checkpoint))]
        if supervised:
            runs.append(run_once('supervised', supervised, seed, folder))
    return runs


def table(runs: Sequence[Run]) -> list[list[str]]:
    """Rows of text, a header first: one row a name, mean and deviation over seeds."""
    columns = [name for name in COLUMNS if any(run.figure(name) is not None for run in runs)]
    rows = [['', 'iterations', *columns, 'seconds']]
    for name in dict.fromkeys(run.name for run in runs):
        same = [run for run in runs if run.name == name]
        figures = [spread([run.figure(column) for run in same]) for column in columns]
        seconds = f'{mean(run.seconds for run in same):.0f}'
        rows.append([name, str(same[0].iterations), *figures, seconds])
    return rows


def spread(values: Sequence[float | None]) -> str:
    """Mean and, for several values, standard deviation; empty when one is missing."""
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not known:
        return ''
    text = f'{mean(known):.1f}'
    return text if len(known) == 1 else f'{text} ± {stdev(known):.1f}'


def markdown(runs: Sequence[Run], title: str, note: str, command: str) -> str:
    """A results page: the table, every run, and what they were measured with."""
    environment = runs[0].environment
    shown: list[tuple[str, Any]] = [
        ('command', f'`{command}`'),
        ('seeds', ', '.join(str(seed) for seed in sorted({run.seed for run in runs}))),
        ('date', ', '.join(sorted({run.date for run in runs}))),
        *environment.items(),
    ]
    lines = [f'# {title}', '', note, '', *_pipe_table(table(runs)), '', '## Every run', '']
    rows = [['run', 'seed', *COLUMNS, 'seconds']]
    for run in runs:
        figures = ['' if run.figure(c) is None else f'{run.figure(c):.1f}' for c in COLUMNS]
        rows.append([run.name, str(run.seed), *figures, f'{run.seconds:.0f}'])
    lines += [*_pipe_table(rows), '', '## Measured with', '']
    lines += _pipe_table([['what', 'value'], *([name, str(value)] for name, value in shown)])
    return '\n'.join(lines) + '\n'


def _pipe_table(rows: Sequence[Sequence[str]]) -> list[str]:
    head, *body = ['| ' + ' | '.join(row) + ' |' for row in rows]
    return [head, '|' + '---|' * len(rows[0]), *body]
