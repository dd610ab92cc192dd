"""Does a checkpoint fit the model that it is loaded into?

mmengine loads what fits and logs the rest, so a run can start from a network that is half drawn at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from mmssod.datasets.preparation import Findings
from mmssod.models import FrozenTeacher
from mmssod.models.checkpoint_parts import Misfits, load_and_compare
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
    trained_on = ((checkpoint.get('meta') or {}).get('dataset_meta') or {}).get('classes') or ()
    strict = purpose != 'start' or hasattr(model, 'labeler')
    found = _misfit_findings(misfits, purpose, strict)
    if classes and trained_on and list(classes) != list(trained_on):
        mend = 'take a checkpoint of these classes, in this order, or write metainfo=dict(classes=...) as it has them'
        problem = Problem(
            'the checkpoint was trained on other classes, or in another order',
            f'{list(classes)}',
            f'{list(trained_on)}',
            mend,
        )
        found += _as_findings(problem, strict and purpose != 'test')
    return found


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
    return Misfits(missing, misfits.other_shape, names)


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
    if misfits.other_shape:
        problem = Problem(
            f'{len(misfits.other_shape)} weights of the checkpoint have another shape',
            'the same classes, number of buckets K and widths as the model',
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
