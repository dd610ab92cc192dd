"""Every detector of MMDetection learns from labels, and as a student from pseudo labels of each labeler.

One config for each combination of classes, made tiny; which there are is found in MMDetection's own files. The first of
each detector class is tried by default, its other heads with ``-m slow``.
"""

import importlib.util
from functools import cache, partial

import pytest

from mmssod.engine.preflight.stream_checks import _class_problems
from mmssod.ops import MissingOperatorError, status
from mmssod.testing.any_detector import checks
from mmssod.testing.any_detector.found import detectors, tried
from mmssod.testing.any_detector.rows import CLAIMS, error_of, missing_operators
from mmssod.testing.any_detector.trial import LABELERS, Trial
from mmssod.testing.tiny import CLASSES

NAMED = (
    'FasterRCNN CascadeRCNN RetinaNet FCOS ATSS GFL VFNet TOOD YOLOX RTMDet DETR ConditionalDETR DABDETR '
    'DeformableDETR DINO DDQDETR SparseRCNN'
).split()


trial = cache(Trial)


def parameters():
    """All that are tried, those that differ only in their heads marked as slow; limits are what they are for."""
    for found in tried():
        marks = [] if found.first else [pytest.mark.slow]
        yield pytest.param(found, id=found.name, marks=marks)


EACH = pytest.mark.parametrize('found', parameters())


def whole(found):
    """The trial of a detector that can do all; others have a test of their own below."""
    made = trial(found)
    if made.limits:
        pytest.skip('; '.join(made.limits))
    return made


def test_detectors_are_seen():
    """All that are named in the docs are there, and few are left out without a reason."""
    known = {found.detector for found in tried()}
    assert set(NAMED) <= known
    assert len(tried()) >= 45
    first = [found.detector for found in tried() if found.first]
    assert sorted(first) == sorted(known)  # one of each


def test_what_is_left_out_says_why():
    left_out = {found.detector: found.left_out for found in detectors() if found.left_out}
    assert not set(left_out) & {found.detector for found in tried()} - {'CascadeRCNN', 'RTMDet'}
    assert left_out['MaskRCNN'] == 'made for instance segmentation'
    assert left_out['RPN'] and left_out['FastRCNN'] and left_out['GLIP'] and left_out['LAD']


@EACH
@pytest.mark.parametrize('claim', CLAIMS)
def test_claim(found, claim):
    CLAIMS[claim](whole(found))


@EACH
@pytest.mark.parametrize('labeler', LABELERS)
def test_student(found, labeler, tmp_path):
    checks.student(whole(found), labeler, tmp_path)


@EACH
def test_checks_before_training_have_no_objection(found):
    made = trial(found)
    assert not list(_class_problems(dict(model=made.config), CLASSES))


@pytest.mark.slow
@pytest.mark.skipif(status() == 'compiled', reason='a compiled mmcv has all operators')
@pytest.mark.parametrize('found', [found for found in tried() if Trial(found).limits], ids=str)
def test_limits_are_real(found):
    """A detector that is said to have a limit has one."""
    made = trial(found)
    missing = missing_operators(made)
    if not missing and importlib.util.find_spec('sklearn') is not None:
        pytest.skip('scikit-learn is installed')
    assert missing or isinstance(error_of(partial(checks.supervised, made)), ImportError)
