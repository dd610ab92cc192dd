"""Trains one recipe and stores its result as one JSON file.

A run whose file is there is not run again, and one that was cut off resumes.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from matrix_runs.matrix import Matrix, Recipe
from mmssod.apis.config import load_config, teacher_checkpoint
from mmssod.apis.testing import test
from mmssod.apis.training import train
from mmssod.environment import collect
from mmssod.environment.log_entries import log_entries
from mmssod.methods.ismt.memory_labels import memory_labels
from mmssod.methods.multi_phase.running import train_phases

CORE_SECONDS = 'core_seconds.jsonl'


@dataclass(frozen=True)
class Run:
    """One finished training.

    Args:
        name: The recipe's.
        config: Config file.
        seed: Random seed.
        iterations: Training iterations.
        seconds: Wall-clock time of training and its last evaluation; of the last part where a run was resumed.
        cpu_seconds: CPU time of the same, the processes that load data included: what it costs of one core, whatever
            else the machine does. 0 in results of before it was measured.
        metrics: Figures in [0, 1] by the metric's names.
        environment: Versions and hardware.
        options: What replaced the config's values.
        curve: Each evaluation on the way: iteration, metrics, and what the run had cost of one core by then.
        memory: Peak memory in MiB: of the GPU, without one of the process.
        digest: Checksum of the config that was trained.
        lineage: The same for it and of all that it started from.
        date: Day of the run, ISO.
    """

    name: str
    config: str
    seed: int
    iterations: int
    seconds: float
    metrics: dict[str, float]
    environment: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)
    curve: list[dict[str, float]] = field(default_factory=list)
    memory: float = 0.0
    digest: str = ''
    lineage: str = ''
    date: str = field(default_factory=lambda: date.today().isoformat())
    cpu_seconds: float = 0.0


def run_once(matrix: Matrix, name: str, seed: int, out: str) -> Run:
    """Train one recipe in this process, or read what it gave before.

    Args:
        matrix: The recipes.
        name: Which.
        seed: Random seed.
        out: Folder of all results; this one's are below ``seed_N``.

    Raises:
        ValueError: If what is there was trained with another config.
    """
    recipe = matrix[name]
    folder = Path(out) / f'seed_{seed}'
    result = folder / f'{recipe.slug}.json'
    if result.exists():
        return read_run(result, recipe)
    folder.mkdir(parents=True, exist_ok=True)
    start, used = time.time(), cpu_seconds()
    environment = {
        **collect(),
        'threads': str(torch.get_num_threads()),
    }  # the code may move on meanwhile
    reset_peak_memory()
    metrics = train_recipe(matrix, recipe, seed, folder)
    run = Run(
        name=name,
        config=recipe.config,
        seed=seed,
        iterations=recipe.iterations,
        seconds=time.time() - start,
        metrics=metrics,
        environment=environment,
        options=recipe.options,
        curve=read_curve(folder / recipe.slug),
        memory=peak_memory(),
        digest=recipe.digest(),
        lineage=matrix.lineage(name),
        cpu_seconds=cpu_seconds() - used,
    )
    write_run(run, result)
    return run


def train_recipe(matrix: Matrix, recipe: Recipe, seed: int, folder: Path) -> dict[str, float]:
    """Train a recipe below the folder of its seed; the metrics of its last evaluation."""
    work_dir = folder / recipe.slug
    if recipe.phases:
        return train_phases(recipe.config, work_dir=str(work_dir), seed=seed)
    options = {**recipe.options_of(seed), **start_options(matrix, recipe, folder)}
    metrics = train(
        recipe.config,
        work_dir=str(work_dir),
        seed=seed,
        resume='auto',
        cfg_options=options,
        hooks=[CoreSecondsHook()],
    )
    if not metrics:  # cut off between the last iteration and the end of its evaluation
        checkpoint = str(folder / recipe.last_checkpoint)
        metrics = test(
            recipe.config,
            checkpoint,
            work_dir=str(work_dir / 'test'),
            cfg_options=recipe.options_of(seed),
        )
    return metrics


class CoreSecondsHook(Hook):
    """Notes at each evaluation what the run has cost of one core since its start, the evaluation included.

    A line each in ``core_seconds.jsonl`` of the work directory. A resumed run counts on from the last line.
    """

    def __init__(self) -> None:
        self.before, self.used = 0.0, cpu_seconds()  # a process may have trained another recipe

    def before_train(self, runner: Runner) -> None:
        """Take up what was noted."""
        noted = read_core_seconds(Path(runner.work_dir)) if runner.iter else {}
        self.before = max(noted.values(), default=0.0)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Note."""
        line = dict(step=runner.iter, core_seconds=self.before + cpu_seconds() - self.used)
        with Path(runner.work_dir, CORE_SECONDS).open('a') as stream:
            stream.write(json.dumps(line) + '\n')


def read_core_seconds(work_dir: Path) -> dict[int, float]:
    """Seconds of one core by iteration, as :class:`CoreSecondsHook` has noted them."""
    file = work_dir / CORE_SECONDS
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return {line['step']: line['core_seconds'] for line in lines}


def start_options(matrix: Matrix, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Where a recipe finds what comes before it: its teacher's checkpoint, the labels that another one remembers."""
    options = {}
    if recipe.start:
        cfg = load_config(recipe.config, cfg_options=recipe.options)
        key, _ = teacher_checkpoint(cfg)
        options[key] = str(folder / matrix[recipe.start].last_checkpoint)
    if recipe.labels:
        source = matrix[recipe.labels]
        file = folder / f'{recipe.slug}_labels' / 'labels.json'
        file.parent.mkdir(exist_ok=True)
        labels = memory_labels(source.config, str(folder / source.last_checkpoint))
        file.write_text(json.dumps(labels))
        options['train_dataloader.dataset.pseudo.ann_file'] = str(file)
    return options


def take_over(matrix: Matrix, name: str, seed: int, out: str, share: Sequence[str]) -> bool:
    """Whether another matrix has trained the very same; then its result is copied and its folder linked.

    The same: equal seed, config, options, and start, and its start's, down to the first.

    Args:
        matrix, name, seed, out: As for :func:`run_once`.
        share: Folders of other matrices.
    """
    result = Path(out) / f'seed_{seed}' / f'{matrix[name].slug}.json'
    if not share or result.with_suffix('').exists():
        return False
    lineage = matrix.lineage(name)
    for theirs in (file for root in share for file in Path(root).glob(f'seed_{seed}/*.json')):
        work_dir = theirs.with_suffix('').resolve()
        if not work_dir.is_dir():  # some other json
            continue
        run = Run(**json.loads(theirs.read_text()))
        if run.lineage == lineage:
            result.parent.mkdir(parents=True, exist_ok=True)
            result.with_suffix('').symlink_to(work_dir)
            write_run(replace(run, name=name), result)
            return True
    return False


def write_run(run: Run, result: Path) -> None:
    """Write a finished run, all of it or nothing."""
    part = result.with_suffix('.part')
    part.write_text(json.dumps(asdict(run), indent=1))
    part.rename(result)


def read_run(result: Path, recipe: Recipe) -> Run:
    """A finished run, if it is one of this recipe as it is now."""
    run = Run(**json.loads(result.read_text()))
    if run.digest and run.digest != recipe.digest():
        raise ValueError(
            f'{result} was trained with another config than {recipe.config} is now; remove it and its '
            'folder, or choose another --out'
        )
    return run


def read_curve(work_dir: Path) -> list[dict[str, float]]:
    """Evaluations of a run by iteration; of those done twice (before and after a resume) the newer."""
    found: dict[int, dict[str, float]] = {}
    for file in sorted(work_dir.glob('*/vis_data/scalars.json')):
        iteration = 0
        for entry in log_entries(file):
            iteration = max(
                iteration, entry.get('step', 0)
            )  # mmengine's default writes evaluations at 0
            if any('bbox_mAP' in key for key in entry):
                kept = {k: v for k, v in entry.items() if 'time' not in k}
                found[iteration] = kept | {'step': iteration}
    seconds = read_core_seconds(work_dir)
    return [
        found[step] | ({'core_seconds': seconds[step]} if step in seconds else {})
        for step in sorted(found)
    ]


def last_evaluation(work_dir: Path) -> dict[str, float]:
    """Iteration (``step``) and metrics of a run's newest evaluation.

    Raises:
        ValueError: If there is none.
    """
    curve = read_curve(work_dir)
    if not curve:
        raise ValueError(
            f'{work_dir}: expected a run with an evaluation, got no bbox_mAP in '
            f'{work_dir}/*/vis_data/scalars.json; name the work directory of a training or a test'
        )
    return curve[-1]


def peak_memory() -> float:
    """MiB: of the GPU, without one of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    status = Path('/proc/self/status')
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    peak = next(line for line in status.read_text().splitlines() if line.startswith('VmHWM'))
    return int(peak.split()[1]) / 2**10


def cpu_seconds() -> float:
    """CPU time of this process and of its children, those that run only on Linux."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ended = sum(usage.ru_utime + usage.ru_stime for usage in used)
    return ended + sum(_cpu_seconds_of(child.pid) for child in active_children() if child.pid)


def _cpu_seconds_of(process: int) -> float:
    """CPU time of another process: fields 14 and 15 of its line in /proc, see proc(5)."""
    file = Path(f'/proc/{process}/stat')
    if not file.exists():
        return 0.0
    fields = file.read_text().rpartition(')')[2].split()  # from field 3 on
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def reset_peak_memory() -> None:
    """Start the measurement anew, so that a run does not show the memory of one before it in this process."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with contextlib.suppress(OSError):  # Linux; elsewhere the peak is the process's
        Path('/proc/self/clear_refs').write_text('5')
