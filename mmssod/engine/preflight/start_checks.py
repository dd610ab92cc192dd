"""Checks that the starting checkpoint exists, is intact, and fits the model.

mmengine loads what fits and logs the rest, so a run can start from a network that is half drawn at random.
"""

from __future__ import annotations

import os.path as osp
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from mmssod.datasets.preparation import Findings
from mmssod.engine.preflight.parts import part_problems
from mmssod.environment.checkpoint_damage import damage
from mmssod.models.checkpoint_parts import Misfits, load_and_compare, not_finite
from mmssod.start import Fit, StartError, find_model, names_file, start_file, trained_classes
from mmssod.structures import Problem

SHOWN = 3


def start_problems(cfg: Any) -> list[Problem]:
    """What keeps a run from its start: an unknown name, or a file that is damaged or not there. Nothing is fetched.

    Of a teacher's checkpoint that is not there the command is named that makes it.
    """
    start = cfg.get('load_from')
    labels = ((cfg.get('model') or {}).get('labeler') or {}).get('checkpoint')
    found = part_problems(cfg, 'start_problems')
    for key, file in (('load_from', start), ('model.labeler.checkpoint', labels)):
        file = osp.expanduser(file or '')
        if osp.isfile(file) and (wrong := damage(file)) is not None:
            what, expected = 'a damaged checkpoint', 'a whole file of torch.save, or of safetensors'
            fix = 'copy it again, or name another; the run that wrote it may have the one before'
            found.append(Problem(what, f'{key} = {expected}', f'{file}: {wrong}', fix))
    if not start:
        return found
    if not names_file(start):
        return [*found, *_name_problems(start)]
    if '://' in start or osp.exists(osp.expanduser(start)):
        return found
    teacher = teacher_config(getattr(cfg, 'filename', None) or '', start)
    first, both = f'the run that leaves {start}', '--teacher'
    if teacher is not None:
        own, other = shlex.quote(str(cfg.filename)), shlex.quote(str(teacher))
        first, both = f'mmssod train {other}', f'mmssod train {own} --teacher {other}'
    fix = (
        f'a student starts from its teacher, so train that first ({first}), or both with '
        f'{both}; or name another checkpoint with --load-from'
    )
    actual = f'nothing at {osp.abspath(start)}'
    return [*found, Problem('no checkpoint to start from', f'load_from = {start}', actual, fix)]


def fetch_problems(cfg: Any) -> list[Problem]:
    """Fetch the start of a run where it is a name or a URL and not on this machine yet; what kept it from that."""
    start = cfg.get('load_from')
    if not start or cfg.get('resume') or names_file(start) or _name_problems(start):
        return []
    return _told(start_file, start)


def _name_problems(start: str) -> list[Problem]:
    return [] if start.startswith(('http://', 'https://')) else _told(find_model, start)


def _told(find: Callable[[str], Any], start: str) -> list[Problem]:
    try:
        find(start)
    except StartError as error:
        return [error.problem]
    return []


def teacher_config(student: str, start: str) -> Path | None:
    """The config beside a student's that trains in the folder of its start; None if none is called so.

    A run's folder is called like its config, perhaps with a split behind it: ``teacher_coco_partial_1@2``.
    """
    folder = osp.basename(osp.dirname(start))
    files = Path(student).parent.glob('*.py')
    beside = [file for file in files if f'{folder}_'.startswith(f'{file.stem}_')]
    return max(beside, key=lambda file: len(file.stem), default=None)


def weight_findings(
    model: nn.Module, checkpoint: Mapping[str, Any], *, purpose: str, classes: Sequence[str] = ()
) -> Findings:
    """What of a checkpoint does not fit; the weights that fit are loaded.

    Args:
        model: without the wrapper of distributed training.
        checkpoint: as it was read.
        purpose: ``'resume'``, ``'start'`` or ``'test'``. To resume or test, everything must fit. A run may start from
            a detector of other classes, whose head is then new (a warning), but not where a teacher's labels are
            trained on.
        classes: those of the data set; empty if unknown.
    """
    misfits = load_and_compare(model, checkpoint.get('state_dict', checkpoint))
    trained_on = trained_classes(checkpoint)
    strict = purpose != 'start' or hasattr(model, 'labeler')
    found = _misfit_findings(model, misfits, purpose, strict)
    if classes and trained_on and list(classes) != list(trained_on):
        found += _other_classes(strict and purpose != 'test', classes, trained_on)
    return found


def start_findings(model: nn.Module, fit: Fit) -> Findings:
    """What of a start does not fit, where class weights were taken by name.

    A run may start from a detector of other classes, whose own classes are then new; but not where a frozen teacher
    would label with them. All other weights have to fit where the run has a labeler.
    """
    labeler: Any = getattr(model, 'labeler', None)
    found = _misfit_findings(model, fit.misfits, 'start', labeler is not None)
    if fit.unsorted:
        found += _other_classes(labeler is not None, fit.classes, fit.trained_on)
    follows = callable(getattr(labeler, 'update', None))
    if fit.new and hasattr(labeler, 'teacher') and not follows and not labeler.checkpoint:
        found += _finding(
            True,
            'a frozen teacher that does not know all classes',
            f'a checkpoint of {list(fit.classes)}, in any order',
            f'{list(fit.trained_on) or "a checkpoint of unknown classes"}, without {fit.new}',
            'train a teacher from this checkpoint first, or let the teacher follow the student '
            "(model.labeler.type='EMATeacher' and an EMATeacherHook)",
        )
    return found


def _other_classes(stops: bool, classes: Sequence[str], trained_on: Sequence[str]) -> Findings:
    what = 'the checkpoint was trained on other classes, or in another order'
    fix = 'take a checkpoint of these classes, in this order, or write metainfo=dict(classes=...) as it has them'
    return _finding(stops, what, f'{list(classes)}', f'{list(trained_on)}', fix)


def _gets_weights_elsewhere(model: nn.Module, purpose: str) -> bool:
    """Whether the model has a teacher that has, or will get, its weights elsewhere, or is not asked."""
    labeler: Any = getattr(model, 'labeler', None)
    if not hasattr(labeler, 'teacher'):
        return False
    if purpose == 'test':
        return getattr(model, 'predict_with', 'student') == 'student'
    follows = callable(getattr(labeler, 'update', None))
    return bool(labeler.checkpoint) or (follows and purpose == 'start')


def _lacks_a_part(missing: list[str], names: list[str]) -> bool:
    """Whether a student, a teacher or the whole is mostly missing; a second head or network may begin at random."""
    if any(name.startswith('labeler.') for name in missing):
        return True  # a frozen teacher, whose other sources of weights were left out before
    return any(
        2 * sum(name.startswith(part) for name in missing)
        > sum(name.startswith(part) for name in names)
        for part in ('student.', '')
    )


def _misfit_findings(model: nn.Module, misfits: Misfits, purpose: str, strict: bool) -> Findings:
    missing, names = misfits.missing, misfits.names
    if _gets_weights_elsewhere(model, purpose):
        missing = [name for name in missing if not name.startswith('labeler.')]
        names = [name for name in names if not name.startswith('labeler.')]
    found = Findings()
    if spoilt := not_finite(misfits.offered):
        found += _finding(
            True,
            f'{len(spoilt)} weights of the checkpoint are NaN or infinity',
            'finite weights',
            f'{", ".join(spoilt[:SHOWN])}, ...',
            'its training went wrong: take an earlier checkpoint, or train it again with a lower rate',
        )
    if misfits.other_shape:
        found += _finding(
            strict,
            f'{len(misfits.other_shape)} weights of the checkpoint have another shape',
            'the number of buckets K, widths and, but to start, classes of the model',
            '; '.join(misfits.other_shape[:SHOWN]),
            'take a checkpoint of this architecture, or give the model that of the checkpoint',
        )
    if missing:
        found += _finding(
            purpose != 'start' or _lacks_a_part(missing, names),
            f'{len(missing)} of {len(names)} parameters are not in the checkpoint',
            f'a checkpoint of this model to {purpose}'
            if purpose != 'start'
            else 'a checkpoint of its detector',
            'without ' + ', '.join(missing[:SHOWN]) + ', ...',
            'is it of another architecture, or of a teacher or student alone? Name the right one',
        )
    return found


def _finding(stops: bool, *words: str) -> Findings:
    problem = Problem(*words)
    return Findings(problems=(problem,)) if stops else Findings(warnings=(str(problem),))
