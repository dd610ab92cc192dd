"""Finds the detectors of runs and their roles: student, teacher, supervised baseline.

Roles are derived from configs and weights, not from folder names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from mmssod.analysis.report.runs import RunRecord
from mmssod.apis.plain import PlainDetector, plain_detector

MEAN, LAST = ' (EMA)', ' (last step)'
"""Ends of the labels of the mean of all students, exponentially weighted, and of the student of the last step."""


@dataclass(frozen=True)
class Found:
    """One detector of a run.

    Args:
        label: What the page calls it.
        run: Run of the detector.
        plain: The detector.
    """

    label: str
    run: RunRecord
    plain: PlainDetector


@dataclass(frozen=True)
class Comparison:
    """A student and what it is judged by.

    Args:
        student: The detector that a run with unlabeled images tests with: its result.
        teacher: The one that labels; None where labels come from elsewhere.
        supervised: Trained on labeled images alone; None if there is none but the one that the student starts from.
    """

    student: Found
    teacher: Found | None
    supervised: Found | None


def detectors(records: Sequence[RunRecord]) -> list[Found]:
    """The detectors of all runs that have a checkpoint, of each run the teacher first.

    A teacher with the very weights of a detector that is there already, that of the teacher's own run, is left out.
    """
    found: list[Found] = []
    for record in (record for record in records if record.checkpoint):
        if 'detector' not in record.config.model:
            found.append(
                Found(record.name, record, plain_detector(record.config, record.checkpoint))
            )
            continue
        teacher_label, student_label = _labels(record, alone=len(records) == 1)
        teacher = _teacher(record)
        if teacher is not None and not any(_same(teacher, one.plain) for one in found):
            found.append(Found(teacher_label, record, teacher))
        student = plain_detector(record.config, record.checkpoint, 'student')
        found.append(Found(student_label, record, student))
    return found


def _labels(record: RunRecord, alone: bool) -> tuple[str, str]:
    """What teacher and student of a run are called; of one run alone its name is not needed.

    A run that tests with the mean of its students, which labels as a teacher, has two students for its readers.
    """
    name = 'student' if alone else record.name
    if record.config.model.get('predict_with') == 'teacher':
        return f'{name}{MEAN}', f'{name}{LAST}'
    return 'teacher' if alone else f"{name}'s teacher", name


def teacher_of(found: Sequence[Found], run: RunRecord) -> Found | None:
    """The detector with the weights of a run's own teacher."""
    teacher = _teacher(run) if run.checkpoint else None
    return next((one for one in found if teacher is not None and _same(teacher, one.plain)), None)


def comparisons(found: Sequence[Found]) -> list[Comparison]:
    """The last student with its baseline; students of several seeds that have one each, all of them.

    A baseline of the student's own seed is preferred, then the one that was given last.
    """
    results = [one for one in found if uses_unlabeled(one.run) and is_result(one)]
    if not results:
        return []
    last = results[-1]
    seeds: dict[object, Comparison] = {}
    for one in results:
        compared = _compare(one, found)
        baseline = compared.supervised
        if (
            _recipe(one.run) == _recipe(last.run)
            and baseline
            and _seed(baseline.run) == _seed(one.run)
        ):
            seeds[_seed(one.run)] = compared
    return list(seeds.values()) if len(seeds) > 1 else [_compare(last, found)]


def uses_unlabeled(run: RunRecord) -> bool:
    """Whether a run trains on unlabeled images: by its model, which holds a detector, or by its data."""
    cfg = run.config
    return 'detector' in cfg.model or bool(cfg.train_dataloader.dataset.get('unlabeled'))


def is_result(one: Found) -> bool:
    """Whether a detector is the one that its run tests with: the student, or the mean of students that follows it."""
    part = one.run.config.model.get('predict_with', 'student')
    return one.plain.part in ('detector', 'student' if part == 'both' else part)


def starts_from(run: RunRecord, other: RunRecord) -> bool:
    """Whether a run loads weights (``load_from``) out of the work directory of another, where that is or was."""
    start = run.config.get('load_from')
    places = (other.folder, Path(other.config.get('work_dir') or other.folder))
    return bool(start) and Path(start).resolve().parent in {place.resolve() for place in places}


def _compare(student: Found, found: Sequence[Found]) -> Comparison:
    own = [one for one in found if one.run is student.run and one.plain.part == 'teacher']
    teacher = own[0] if own else None
    if teacher is None and 'detector' in student.run.config.model:
        teacher = teacher_of(found, student.run)
    students = [one.run for one in found if uses_unlabeled(one.run)]
    others = [
        one
        for one in found
        if not uses_unlabeled(one.run)
        and one is not teacher
        and not any(starts_from(run, one.run) for run in students)
    ]
    same_seed = [one for one in others if _seed(one.run) == _seed(student.run)]
    return Comparison(student, teacher, next(reversed(same_seed or others), None))


def _seed(run: RunRecord) -> object:
    return (run.config.get('randomness') or {}).get('seed')


def _recipe(run: RunRecord) -> list[object]:
    """What seeds of one recipe have in common."""
    model = run.config.model
    names = ('type', 'detector', 'selector', 'balancer', 'predict_with')
    return [model.get(name) for name in names]


def _teacher(record: RunRecord) -> PlainDetector | None:
    """The teacher inside a run; None where labels come from elsewhere, such as a bank or another network."""
    try:
        return plain_detector(record.config, record.checkpoint, 'teacher')
    except ValueError:
        return None


def _same(one: PlainDetector, other: PlainDetector) -> bool:
    return one.weights.keys() == other.weights.keys() and all(
        torch.equal(weight, other.weights[name]) for name, weight in one.weights.items()
    )
