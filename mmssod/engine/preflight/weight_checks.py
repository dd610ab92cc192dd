"""Does a checkpoint fit the model that it is loaded into?

mmengine loads what fits and logs the rest, so a run can start from a network that is half drawn at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from mmssod.datasets.preparation import Findings
from mmssod.models import FrozenTeacher
from mmssod.models.checkpoint_parts import Misfits, load_and_compare, not_finite
from mmssod.start import Fit, trained_classes
from mmssod.structures import Problem

SHOWN = 3


def weight_findings(
    model: nn.Module,
    checkpoint: Mapping[str, Any],
    *,
    purpose: str,
    classes: Sequence[str] = (),
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
    weights = checkpoint.get('state_dict', checkpoint)
    misfits = _relevant(model, load_and_compare(model, weights), purpose)
    trained_on = trained_classes(checkpoint)
    strict = purpose != 'start' or hasattr(model, 'labeler')
    found = _misfit_findings(misfits, purpose, strict)
    if classes and trained_on and list(classes) != list(trained_on):
        found += _as_findings(_other_classes(classes, trained_on), strict and purpose != 'test')
    return found


def start_findings(model: nn.Module, fit: Fit) -> Findings:
    """What of a start does not fit, where class weights were taken by name.

    A run may start from a detector of other classes, whose own classes are then new; but not where a frozen teacher
    would label with them. All other weights have to fit where the run has a labeler.

    Args:
        model: without the wrapper of distributed training.
        fit: what became of the start.
    """
    strict = hasattr(model, 'labeler')
    found = _misfit_findings(_relevant(model, fit.misfits, 'start'), 'start', strict)
    if fit.unsorted:
        found += _as_findings(_other_classes(fit.classes, fit.trained_on), strict)
    if fit.new and _labels_with_its_start(getattr(model, 'labeler', None)):
        problem = Problem(
            'a frozen teacher that does not know all classes',
            f'a checkpoint of {list(fit.classes)}, in any order',
            f'{list(fit.trained_on) or "a checkpoint of unknown classes"}, without {fit.new}',
            'train a teacher from this checkpoint first, or let the teacher follow the student '
            "(model.labeler.type='EMATeacher' and an EMATeacherHook)",
        )
        found += _as_findings(problem, True)
    return found


def _labels_with_its_start(labeler: Any) -> bool:
    """Whether a teacher labels with what the run starts from, as it is, to the end."""
    follows = callable(getattr(labeler, 'update', None))
    return isinstance(labeler, FrozenTeacher) and not follows and not labeler.checkpoint


def _other_classes(classes: Sequence[str], trained_on: Sequence[str]) -> Problem:
    return Problem(
        'the checkpoint was trained on other classes, or in another order',
        f'{list(classes)}',
        f'{list(trained_on)}',
        'take a checkpoint of these classes, in this order, or write metainfo=dict(classes=...) as it has them',
    )


def _relevant(model: nn.Module, misfits: Misfits, purpose: str) -> Misfits:
    """Without a teacher that has, or will get, its weights elsewhere, or is not asked."""
    labeler = getattr(model, 'labeler', None)
    if labeler is None:
        return misfits
    if purpose == 'test':
        elsewhere = getattr(model, 'predict_with', 'student') == 'student'
    else:
        follows = callable(getattr(labeler, 'update', None))
        elsewhere = bool(getattr(labeler, 'checkpoint', '')) or (follows and purpose == 'start')
    if not (elsewhere and isinstance(labeler, FrozenTeacher)):
        return misfits
    missing, names = (
        [name for name in group if not name.startswith('labeler.')]
        for group in (misfits.missing, misfits.names)
    )
    return misfits._replace(missing=missing, names=names)


def _lacks_a_part(misfits: Misfits) -> bool:
    """Whether a student, a teacher or the whole is mostly missing; a second head or network may begin at random."""
    if any(name.startswith('labeler.') for name in misfits.missing):
        return True  # a frozen teacher, whose other sources of weights were left out before
    for part in ('student.', ''):
        missing, total = (
            sum(name.startswith(part) for name in group)
            for group in (misfits.missing, misfits.names)
        )
        if 2 * missing > total:
            return True
    return False


def _misfit_findings(misfits: Misfits, purpose: str, strict: bool) -> Findings:
    found = Findings()
    if spoilt := not_finite(misfits.offered):
        problem = Problem(
            f'{len(spoilt)} weights of the checkpoint are NaN or infinity',
            'finite weights',
            f'{", ".join(spoilt[:SHOWN])}, ...',
            'its training went wrong: take an earlier checkpoint, or train it again with a lower rate',
        )
        found += _as_findings(problem, True)
    if misfits.other_shape:
        problem = Problem(
            f'{len(misfits.other_shape)} weights of the checkpoint have another shape',
            'the number of buckets K, widths and, but to start, classes of the model',
            '; '.join(misfits.other_shape[:SHOWN]),
            'take a checkpoint of this architecture, or give the model that of the checkpoint',
        )
        found += _as_findings(problem, strict)
    if misfits.missing:
        problem = Problem(
            f'{len(misfits.missing)} of {len(misfits.names)} parameters are not in the checkpoint',
            f'a checkpoint of this model to {purpose}'
            if purpose != 'start'
            else 'a checkpoint of its detector',
            'without ' + ', '.join(misfits.missing[:SHOWN]) + ', ...',
            'is it of another architecture, or of a teacher or student alone? Name the right one',
        )
        found += _as_findings(problem, purpose != 'start' or _lacks_a_part(misfits))
    return found


def _as_findings(problem: Problem, stops: bool) -> Findings:
    return Findings(problems=(problem,)) if stops else Findings(warnings=(str(problem),))
