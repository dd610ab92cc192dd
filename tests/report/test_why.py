"""Errors by kind, best thresholds, sizes and confusions, worked by hand."""

import numpy as np
import pytest
from builders.by_hand import CLASSES, data_set, detection

from mmssod.analysis.image_matches import match_images
from mmssod.analysis.report.why import (
    ERRORS,
    best_f1,
    confusion,
    error_types,
    precision_curve,
    thresholds_json,
    why,
)
from mmssod.evaluation import DetectorOutputs

IDS = [10, 20, 30]
BOX, FAR, NEAR = [10, 10, 20, 20], [60, 40, 20, 20], [20, 10, 20, 20]  # IoU of BOX and NEAR: 1 / 3


def counts(truth, found):
    return {name: number for name, (number, _) in error_types(truth, found, IDS).items() if number}


@pytest.mark.parametrize(('true', 'found', 'errors'), [
    ([], [], {}),
    ([(0, 0, BOX)], [], dict(Miss=1)),
    ([(0, 0, BOX)], [detection(0, 0, BOX)], {}),
    ([], [detection(0, 0, BOX)], dict(Bkg=1)),
    ([(0, 0, BOX)], [detection(0, 0, BOX), detection(0, 0, FAR)], dict(Bkg=1)),
    ([(0, 0, BOX)], [detection(0, 0, NEAR)], dict(Loc=1)),
    ([(0, 0, BOX)], [detection(0, 1, BOX)], dict(Cls=1)),
    ([(0, 0, BOX)], [detection(0, 1, NEAR)], dict(Both=1, Miss=1)),
    ([(0, 0, BOX)], [detection(0, 0, BOX), detection(0, 0, BOX, 0.5)], dict(Dupe=1)),
])  # fmt: skip
def test_kinds_of_errors(true, found, errors):
    assert counts(data_set(true), found) == errors


def test_what_correcting_an_error_would_bring():
    """Two ants, one found. With the missed one gone all are found: AP50 rises from 51 / 101 by 50 / 101."""
    errors = error_types(data_set([(0, 0, BOX), (1, 0, BOX)]), [detection(0, 0, BOX)], IDS)
    assert errors['Miss'] == (1, pytest.approx(100 * 50 / 101))
    assert set(errors) == set(ERRORS) and all(
        errors[name][1] == 0 for name in errors if name != 'Miss'
    )


def test_a_wrong_detection_above_the_right_one_costs_half():
    """AP50 is 1 / 2 with a certain box on the background, and 1 without it."""
    found = [detection(0, 0, FAR, 0.9), detection(0, 0, BOX, 0.5)]
    errors = error_types(data_set([(0, 0, BOX)]), found, IDS)
    assert errors['Bkg'] == (1, pytest.approx(50.0))


def matches_of(true, found):
    return match_images(data_set(true), found, IDS)[0]


RIGHT = [(0, 0, BOX), (1, 0, BOX)]


@pytest.mark.parametrize(('found', 'expected'), [
    ([], None),
    ([detection(0, 0, FAR)], None),
    ([detection(0, 0, BOX, 0.8)], (0.795, 200 / 3, 100.0, 50.0)),
    # The second right box is worth the wrong one between them: F1 of 2/3, 1/2, 4/5.
    ([detection(0, 0, BOX, 0.8), detection(0, 0, FAR, 0.6), detection(1, 0, BOX, 0.4), detection(1, 0, FAR, 0.2)],
     (0.3, 80.0, 200 / 3, 100.0)),
    # Equal scores are kept together or not at all.
    ([detection(0, 0, BOX, 0.8), detection(0, 0, FAR, 0.8), detection(1, 0, FAR, 0.8)], (0.795, 40.0, 100 / 3, 50.0)),
])  # fmt: skip
def test_best_threshold(found, expected):
    best = best_f1(matches_of(RIGHT, found))
    if expected is None:
        assert best is None
    else:
        assert (best.threshold, best.f1, best.precision, best.recall) == pytest.approx(expected)


def test_a_class_that_is_not_there_has_no_threshold_and_no_curve():
    nothing = matches_of([], [detection(0, 0, BOX)])
    assert best_f1(nothing) is None and precision_curve(nothing) == ()


def test_precision_over_recall():
    """Right, wrong, right: precision 1 up to recall 0.5, then 2/3; the mean is AP50."""
    found = [detection(0, 0, BOX, 0.8), detection(0, 0, FAR, 0.6), detection(1, 0, BOX, 0.4)]
    curve = precision_curve(matches_of(RIGHT, found))
    assert curve[:51] == (100.0,) * 51 and curve[51:] == pytest.approx((200 / 3,) * 50)
    assert precision_curve(matches_of(RIGHT, [])) == (0.0,) * 101


def test_confusions():
    truth = data_set([(0, 0, BOX), (0, 1, FAR), (1, 2, BOX)])
    found = [detection(0, 1, BOX), detection(0, 1, FAR), detection(1, 0, FAR)]
    expected = np.zeros((4, 4), int)
    expected[0, 1] = expected[1, 1] = 1  # the ant is found as a bee, the bee as itself
    expected[2, 3] = expected[3, 0] = 1  # the cat is missed, an ant is found on the background
    np.testing.assert_array_equal(confusion(truth, found, IDS), expected)
    np.testing.assert_array_equal(confusion(truth, found, [20, 10, 30])[0], [1, 0, 0, 0])


def test_all_of_one_detector():
    """Boxes of 20 x 20 px are small; the confusion counts what is above the best thresholds."""
    found = [detection(0, 0, BOX, 0.9), detection(0, 0, FAR, 0.2), detection(1, 1, BOX, 0.7)]
    outputs = DetectorOutputs(data_set([(0, 0, BOX), (1, 1, BOX)]), CLASSES, dict(a=found))
    one = why(outputs, 'a')
    assert one.sizes == dict(small=100.0, medium=None, large=None)
    assert one.confusion.sum() == 2 and one.confusion[3].sum() == 0
    assert one.best[2] is None and len(one.mean_curve) == 101
    written = thresholds_json(one, CLASSES)
    assert written['thresholds'] == dict(ant=0.55, bee=0.695, cat=0.6225)


def test_sizes():
    """The small box is found, the medium one missed, the large one found at IoU 0.81: right at 7 of 10 thresholds."""
    rows = [(0, 0, BOX), (1, 0, [0, 0, 40, 40]), (1, 0, [50, 50, 100, 100])]
    found = [detection(0, 0, BOX), detection(1, 0, [50, 50, 90, 90])]
    one = why(DetectorOutputs(data_set(rows), CLASSES, dict(a=found)), 'a')
    assert one.sizes == pytest.approx(dict(small=100.0, medium=0.0, large=70.0))


def test_nothing_found_at_all():
    one = why(DetectorOutputs(data_set([(0, 0, BOX)]), CLASSES, dict(a=[])), 'a')
    assert one.errors['Miss'][0] == 1 and one.confusion[0, 3] == 1
    assert thresholds_json(one, CLASSES)['thresholds'] == dict.fromkeys(CLASSES, 0.5)
    nothing = why(DetectorOutputs(data_set([]), CLASSES, dict(a=[])), 'a')
    assert nothing.mean_curve == [] and not nothing.confusion.any()
