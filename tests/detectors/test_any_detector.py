"""Every detector of MMDetection learns from labels, and as a student from the pseudo labels of each labeler.

One config for each combination of classes, made tiny; which there are is found in MMDetection's own files. One of each
detector class is tried by default, its other heads among the slow tests.
"""

from functools import cache, partial
from types import SimpleNamespace

import pytest

from any_detector import checks
from any_detector.found import tried
from any_detector.rows import CLAIMS, error_of
from any_detector.trial import LABELERS, Trial
from mmssod.engine.preflight.config_checks import class_problems
from mmssod.engine.preflight.parts import built_part_problems
from mmssod.engine.preflight.runtime_checks import class_number_problems
from mmssod.tiny_detectors import CLASSES

FOUND = [
    pytest.param(found, id=found.name, marks=[] if found.first else [pytest.mark.slow])
    for found in tried()
]


@pytest.fixture(scope='module')
def trial():
    """The trial of each detector, made when it is first asked for."""
    return cache(Trial)


def whole(made):
    """A trial of a detector that has no limit here."""
    if made.limits:
        pytest.skip('; '.join(made.limits))
    return made


@pytest.mark.parametrize('found', FOUND)
@pytest.mark.parametrize('claim', CLAIMS)
def test_claim(trial, found, claim):
    CLAIMS[claim](whole(trial(found)))


@pytest.mark.parametrize('found', FOUND)
@pytest.mark.parametrize('labeler', LABELERS)
def test_student(trial, found, labeler, tmp_path):
    checks.student(whole(trial(found)), labeler, tmp_path)


@pytest.mark.parametrize('found', FOUND)
def test_checks_before_training_have_no_objection(trial, found):
    """As to numbers of classes, of which configs and built heads have many."""
    made = trial(found)
    assert not class_problems(dict(model=made.config), CLASSES)
    loader = SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(classes=CLASSES)))
    runner = SimpleNamespace(model=made.student('EMATeacher'), train_dataloader=loader)
    assert not [*class_number_problems(runner), *built_part_problems(runner)]


@pytest.mark.slow
def test_limits_are_real():
    """What is said to be missing is missed."""
    limited = [made for made in map(Trial, tried()) if made.limits]
    for made in limited:
        errors = [error_of(partial(CLAIMS[claim], made)) for claim in ('supervised', 'predicts')]
        assert any(errors), made.found.name
    assert any(made.types & {'GARPNHead'} for made in limited)
