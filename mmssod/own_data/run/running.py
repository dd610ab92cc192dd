"""Runs or resumes the trainings that a project's configs define."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmdet.utils import setup_cache_size_limit_of_dynamo
from mmengine.config import Config

from mmssod.analysis.report.runs import last_checkpoint, read_run_folder, result_checkpoint
from mmssod.apis.distributed import process_group
from mmssod.apis.training import run_training
from mmssod.engine.main_metric import main_metric, step_of
from mmssod.engine.progress import print_now
from mmssod.environment.checkpoint_damage import damage
from mmssod.environment.checkpoints import trusting
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole
from mmssod.own_data.run.clock import Clock, ClockHook
from mmssod.own_data.run.facts import read_json_dict, read_project, rough
from mmssod.own_data.run.stages import Training, project_trainings

REPORTED = 'reported.json'
"""File of ``work_dirs`` with the checkpoints of the last report, and its verdict."""


def train_project(
    folder: Path,
    *,
    seed: int | None = None,
    amp: bool = False,
    cfg_options: dict[str, Any] | None = None,
    trust_checkpoint: bool = False,
    say: Callable[[str], None] = print_now,
    step: float | None = None,
) -> list[Training]:
    """Train teacher, student and baseline of a project, as far as they are not complete.

    Args:
        folder: Project folder, see :func:`~mmssod.own_data.new.new_project`.
        seed, amp, cfg_options, trust_checkpoint: Of all trainings, see :func:`mmssod.apis.train`.
        say: Gets a line before each training.
        step: Seconds of the teacher's iteration by an estimate, else that of ``data.py``.

    Returns:
        The trainings, all complete, in their order; without a teacher where the student starts from something else.

    Raises:
        ValueError: Everything that is found wrong before training, together; a training that ended before its length.
        SystemExit: Told to end: the checkpoint was saved.
    """
    options = dict(seed=seed, amp=amp, auto_scale_lr=False, cfg_options=cfg_options)
    trainings = project_trainings(folder, **options)
    stages, estimate = read_project(folder)
    clock = Clock(trainings, stages, estimate if step is None else step)
    setup_cache_size_limit_of_dynamo()
    for number, training in enumerate(trainings, start=1):
        if training.complete and _whole(training):
            continue
        begin = f', from iteration {training.done}' if training.done else ''
        say(
            f'{number} of {len(trainings)}: {training.name}, {training.length} iterations{begin}; '
            f'{clock.line(training, training.done)}'
        )
        # Anew: a checkpoint may have come since.
        current = next(
            one for one in project_trainings(folder, **options) if one.name == training.name
        )
        with trusting(trust_checkpoint), process_group(current.config):
            run_training(current.config, [ClockHook(clock, training)])
        if not training.complete:
            raise InputError(
                f'{training.name}: expected a checkpoint and an evaluation after {training.length} iterations in '
                f'{training.work_dir}, found none; look into its log, or remove {training.work_dir} to train it anew'
            )
    return trainings


def _whole(training: Training) -> bool:
    """Whether the last checkpoint of a complete training can be read; a damaged one is trained again."""
    file = last_checkpoint(training.work_dir)
    return bool(file) and damage(file) is None


def noted_verdict(folder: Path, trainings: Sequence[Training], page: Path) -> str | None:
    """The verdict of the report, if that is there and of these checkpoints; else None."""
    known = read_json_dict(folder / 'work_dirs' / REPORTED)
    there = page.is_file() and known.get('checkpoints') == _checkpoints(trainings)
    return str(known.get('verdict', '')) if there else None


def note_report(folder: Path, trainings: Sequence[Training], sentence: str) -> None:
    """Write down which checkpoints were reported, and the verdict."""
    known = dict(checkpoints=_checkpoints(trainings), verdict=sentence)
    write_whole(folder / 'work_dirs' / REPORTED, json.dumps(known).encode())


def _checkpoints(trainings: Sequence[Training]) -> dict[str, str]:
    return {one.name: Path(result_checkpoint(one.work_dir)).name for one in trainings}


def report_runs(trainings: Sequence[Training]) -> list[str]:
    """The work directories in the order of the report: the student, whose result it is, comes last."""
    order = ('teacher', 'supervised', 'student')
    found = sorted(trainings, key=lambda training: order.index(training.name))
    return [shown_path(training.work_dir) for training in found]


def summary(folder: Path, trainings: Sequence[Training]) -> list[str]:
    """Summary of a training: what was trained, its AP, where it lies, and what to do with it.

    Args:
        folder: Project folder.
        trainings: All, complete.
    """
    lines = [f'{folder}: trained']
    for training in trainings:
        run = read_run_folder(training.work_dir)
        step = step_of(run.checkpoint)
        step = training.length if step is None else step
        best = _ap(run.evaluations.get(step, {}), training.config)
        time = f' in {rough(run.seconds)}' if run.seconds else ''  # too short for a line in the log
        lines.append(
            f'  {training.name:10} {run.iterations} iterations{time}, best {best} after {step}: '
            f'{shown_path(run.checkpoint)}'
        )
    project, found, detector = (
        shlex.quote(shown_path(path)) for path in (folder, folder / 'found', folder / 'detector')
    )
    lines += [
        'next:',
        f'  mmssod infer {project} IMAGES --out {found}',
        f'  mmssod export {project} --out {detector}',
    ]
    return lines


def _ap(metrics: dict[str, float], cfg: Config) -> str:
    moving = any((h or {}).get('type') == 'EMATeacherHook' for h in cfg.default_hooks.values())
    name = main_metric(metrics, teacher=moving)
    return 'AP undefined' if name is None else f'AP {100 * metrics[name]:.1f}'


def shown_path(path: Path | str) -> str:
    """A path as it is shorter to type: from the working folder where it lies below."""
    path = Path(path)
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
