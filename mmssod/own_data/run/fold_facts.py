"""What ``mmssod run --folds`` prints before it starts, without torch: cost, benefit, finished parts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mmssod.analysis.expected_interval import expected
from mmssod.environment.errors import InputError
from mmssod.own_data.run.facts import (
    Stage,
    assigned,
    complete,
    newest_iteration,
    read_project,
    rough,
    seconds_left,
    step_seconds,
)

SET_ASIDE = 'set_aside'
"""The value of ``data.py`` that says that ``val.json`` holds labeled images that were set aside, and no other set."""


def folds_folder(folder: Path, number: int) -> Path:
    """Folder of the folds of a project."""
    return folder / f'folds_{number}'


def fold_folders(folder: Path, number: int) -> list[Path]:
    """Folder of each fold."""
    return [folds_folder(folder, number) / f'fold_{i}' for i in range(1, number + 1)]


def is_set_aside(folder: Path) -> bool:
    """Whether a project evaluates on some of its own labeled images."""
    return assigned(folder / 'data.py', {}).get(SET_ASIDE) is True


def fold_stages(folder: Path, number: int) -> tuple[list[list[Stage]], float]:
    """The trainings of each fold, which are as long as the project's, and the seconds of a teacher's iteration."""
    stages, step = read_project(folder)
    return [[_of(stage, fold) for stage in stages] for fold in fold_folders(folder, number)], step


def fold_lines(folder: Path, number: int) -> list[str]:
    """Announces what will be done, how long it takes, and what it is good for.

    Raises:
        FileNotFoundError: The folder is no project.
        ValueError: More folds than labeled images.
    """
    folds, step = fold_stages(folder, number)
    images, before = _images(folder)
    if images is not None and number > images:
        raise InputError(
            f'--folds: expected 2 to {images}, as many as {folder} has labeled images, got {number}; fix: name fewer '
            'folds, or label more images'
        )
    done = sum(all(stage.complete for stage in fold) for fold in folds)
    lengths = ', '.join(f'{stage.name} {stage.length or "?"}' for stage in folds[0])
    lines = [
        f'{folder}: {number} folds, in each teacher, student and supervised ({lengths} iterations); {done} are done'
    ]
    seconds = seconds_left([stage for fold in folds for stage in fold], step)
    cost = (
        'how long is said after the first steps'
        if seconds is None
        else f'about {rough(seconds)} left'
    )
    lines.append(f'costs {number} times one run: {cost}')
    if images:
        lines.append(f'gives a verdict on {_worth(images, before)}')
    return [*lines, 'Ctrl-C saves and stops; the same command goes on']


def _worth(images: int, before: int) -> str:
    """What images buy: how wide the interval of the gain will be with them, and with those of one run."""
    text = f'all {images} labeled images: 95 % interval of the gain about {expected(images)}'
    return f'{text}, with the {before} that are set aside {expected(before)}' if before else text


def _images(folder: Path) -> tuple[int | None, int]:
    """Labeled images of a project, and those of them that it evaluates on; None where the list is not its own."""
    try:
        counts = [
            len(json.loads((folder / name).read_text(encoding='utf-8'))['images'])
            for name in ('labeled.json', *(['val.json'] if is_set_aside(folder) else []))
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return None, 0
    return sum(counts), sum(counts[1:])


def _of(stage: Stage, fold: Path) -> Stage:
    """The same training in a fold, which evaluates nothing on the way and ends at its length."""
    work_dir = fold / 'work_dirs' / stage.name
    return replace(
        stage,
        done=newest_iteration(work_dir),
        complete=stage.length is not None
        and complete(work_dir, stage.length, evaluated=False, may_stop=False),
        seconds=step_seconds(work_dir),
    )


def measured_step(folds: Sequence[Sequence[Stage]], estimate: float) -> float:
    """Seconds of the teacher's iteration: of the last fold that was trained, else by the estimate."""
    known = [fold[0].seconds for fold in folds if fold[0].seconds]
    return known[-1] if known else estimate
