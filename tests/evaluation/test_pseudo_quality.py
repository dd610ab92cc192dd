"""Pseudo-label quality by hand-worked cases; empty, one, many."""

import numpy as np
import pytest

from mmssod.evaluation import Matches, match_image, quality
from mmssod.evaluation.pseudo_quality import correlation

TRUE = np.array([[0.0, 0, 10, 10], [50, 50, 70, 70]])
LABELS = np.array([0, 1])


def match(boxes, labels, p=None, v=None, true=TRUE, true_labels=LABELS, crowd=None):
    boxes = np.array(boxes, dtype=float).reshape(-1, 4)
    p = np.ones(len(boxes)) if p is None else np.array(p)
    v = np.ones(len(boxes)) if v is None else np.array(v)
    crowd = np.zeros(len(true), bool) if crowd is None else np.array(crowd)
    return match_image(boxes, np.array(labels, int), p, v, true, true_labels, crowd)


def everything(matches):
    return np.ones(len(matches.iou), bool)


def test_nothing_found():
    found = quality(match([], []), np.zeros(0, bool))
    assert found['boxes'] == 0
    assert found['recall'] == 0
    assert np.isnan(found['precision'])


def test_no_true_box():
    matches = match([[0, 0, 5, 5]], [0], true=np.zeros((0, 4)), true_labels=np.zeros(0, int))
    found = quality(matches, everything(matches))
    assert found['precision'] == 0
    assert np.isnan(found['recall'])


def test_hand_worked():
    # Perfect; IoU 0.7 with the second; nowhere.
    matches = match([[0, 0, 10, 10], [50, 50, 70, 64], [80, 80, 90, 90]], [0, 1, 1])
    assert matches.iou == pytest.approx([1, 0.7, 0])
    half = quality(matches, everything(matches))
    assert half['precision'] == pytest.approx(2 / 3)
    assert half['recall'] == 1
    assert half['mean_iou'] == pytest.approx(0.85)
    strict = quality(matches, everything(matches), iou=0.75)
    assert (strict['precision'], strict['recall']) == (pytest.approx(1 / 3), 0.5)


def test_class_must_agree():
    assert match([[0, 0, 10, 10]], [1]).iou.tolist() == [0]


def test_duplicates_count_once_and_the_surer_wins():
    matches = match([[0, 0, 10, 10], [0, 0, 10, 9]], [0, 0], p=[0.6, 0.9])
    assert quality(matches, everything(matches))['precision'] == 0.5
    assert matches.right(everything(matches), 0.5).tolist() == [False, True]
    # Without the surer one the other is right.
    assert matches.right(np.array([True, False]), 0.5).tolist() == [True, False]


def test_crowd_is_neither_right_nor_wrong():
    matches = match([[0, 0, 10, 10], [50, 50, 70, 70]], [0, 1], crowd=[True, False])
    assert matches.ignored.tolist() == [True, False]
    found = quality(matches, everything(matches))
    assert (found['boxes'], found['precision'], found['recall']) == (1, 1, 1)


def test_images_are_joined_without_mixing_their_boxes():
    one = match([[0, 0, 10, 10]], [0])
    both = Matches.join([one, match([], []), one])
    assert both.target.tolist() == [0, 4]
    found = quality(both, everything(both))
    assert (found['precision'], found['recall']) == (1, pytest.approx(2 / 6))


def random_image(rng, boxes, true):
    corners = rng.uniform(0, 60, (boxes + true, 4))
    corners[:, 2:] = corners[:, :2] + rng.uniform(20, 40, (boxes + true, 2))
    labels = rng.integers(2, size=boxes + true)
    return match(
        corners[:boxes],
        labels[:boxes],
        p=rng.random(boxes),
        true=corners[boxes:],
        true_labels=labels[boxes:],
        crowd=rng.random(true) < 0.2,
    )


def test_joined_counts_are_the_sum_of_each_images():
    rng = np.random.default_rng(0)
    images = [random_image(rng, n, g) for n in (0, 1, 20) for g in (0, 1, 20)]
    both = Matches.join(images)
    assert both.right(everything(both), 0.5).sum() > 0
    for name in ('iou', 'ignored', 'true_labels'):
        assert len(vars(both)[name]) == sum(len(vars(image)[name]) for image in images)
    separate = [image.right(everything(image), 0.5) for image in images]
    assert both.right(everything(both), 0.5).tolist() == np.concatenate(separate).tolist()


def test_correlation():
    assert correlation(np.array([0.0, 1.0]), np.array([0.2, 0.4])) == pytest.approx(1)
    assert np.isnan(correlation(np.ones(3), np.arange(3.0)))


def test_a_box_within_a_crowd_is_ignored():
    """COCO asks how much of the box lies in the crowd, not for their IoU."""
    crowd = dict(true=np.array([[0, 0, 200, 200]]), true_labels=np.array([0]), crowd=[True])
    assert match([[50, 50, 70, 70]], [0], **crowd).ignored.tolist() == [True]
    assert match([[190, 0, 215, 20]], [0], **crowd).ignored.tolist() == [False]
    assert match([[50, 50, 70, 70]], [1], **crowd).ignored.tolist() == [False]
