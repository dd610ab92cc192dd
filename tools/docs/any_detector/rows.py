"""Runs all checks with every detector: the rows of ``docs/detectors.md``."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from mmengine.registry import DefaultScope

from mmssod.models.dense_certainty import DistributionMixin
from mmssod.models.pseudo.labelers import predict_candidates
from mmssod.ops import MissingOperatorError

from . import checks
from .found import Found, tried
from .trial import LABELERS, Trial
from .words import FACTORS, NOTES, PRODUCTS, words_of

CLAIMS: dict[str, Callable[[Trial], None]] = dict(
    builds_twice=checks.builds_twice,
    supervised=checks.supervised,
    learns_the_boxes=checks.learns_the_boxes,
    learns_mixtures=checks.learns_mixtures,
    takes_one_pass=checks.takes_one_pass,
    predicts=checks.predicts,
    follows=checks.follows,
    round_trip=checks.round_trip,
    answers_as_mmdet=checks.answers_as_mmdet,
    answers_few=checks.answers_few,
    weighs_boxes=checks.weighs_boxes,
)
"""What is tried beside a step with each labeler."""


@dataclass(frozen=True)
class Row:
    """One detector.

    Args:
        found: Which one.
        failures: By what was tried (a claim or a labeler), the error where it failed.
        p: Where the certainty of a class comes from.
        v: Where that of a place comes from.
        weights: The head that reads weights of single boxes; empty: there is none.
        missing: Operators that the stand-in lacks.
        notes: What to know of it.
    """

    found: Found
    failures: dict[str, str]
    p: str
    v: str
    weights: str
    missing: tuple[str, ...]
    notes: tuple[str, ...]


def all_rows() -> list[Row]:
    """Try all of them; takes minutes."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        return [row(found) for found in tried()]


def row(found: Found) -> Row:
    """Try one."""
    trial = Trial(found)
    with tempfile.TemporaryDirectory() as folder:
        steps = {n: partial(checks.student, trial, n, Path(folder)) for n in LABELERS}
        alone = {name: partial(claim, trial) for name, claim in CLAIMS.items()}
        errors = {name: error_of(claim) for name, claim in {**alone, **steps}.items()}
    failures = {name: f'{type(e).__name__}: {e}' for name, e in errors.items() if e is not None}
    for name, failure in failures.items() if not trial.limits else ():
        logging.getLogger(__name__).warning('%s, %s: %s', found.name, name, failure)
    notes = (*trial.limits, *words_of(NOTES, found.types))
    return Row(
        found, failures, *certainties(trial), weights(trial), missing_operators(trial), notes
    )


def error_of(claim: Callable[[], object]) -> Exception | None:
    """What it raises, if anything."""
    try:
        claim()
    except Exception as error:  # whatever mmdet raises where something is not there
        return error
    return None


def certainties(trial: Trial) -> tuple[str, str]:
    """Where p and v come from: of boxes as predicted, and named by the losses that train them."""
    detector = trial.detector().eval()
    try:
        found = predict_candidates(detector, *trial.images(boxes=(0, 0)))
    except Exception:  # a limit, which the row says
        return 'not tried', 'not tried'
    head = getattr(detector, 'bbox_head', None)
    if isinstance(head, DistributionMixin):
        return 'score', 'Eq. 4 on its distribution'
    if all(bool((labels.loc_certainty == 1).all()) for labels in found):
        return next((p for loss, p in PRODUCTS.items() if hasattr(head, loss)), 'score'), '1'
    factors = dict.fromkeys(word for loss, word in FACTORS.items() if hasattr(head, loss))
    return 'class score', ' and '.join(factors) or 'a factor of its score'


def weights(trial: Trial) -> str:
    """The head that reads weights of single boxes."""
    weigher = trial.weigher()
    if weigher is None:
        return ''
    return type(getattr(weigher, 'bbox_head', None) or weigher.roi_head).__name__


def missing_operators(trial: Trial) -> tuple[str, ...]:
    """Operators of mmcv that losses or predictions of one image ask for, and that the stand-in lacks."""

    def predicted() -> None:
        inputs, samples = trial.images(boxes=(0,))
        with torch.no_grad():
            trial.detector().eval().predict(inputs, samples)

    errors = [error_of(partial(checks.supervised, trial)), error_of(predicted)]
    named = [
        str(error).split("'")[1] for error in errors if isinstance(error, MissingOperatorError)
    ]
    return tuple(dict.fromkeys(named))
