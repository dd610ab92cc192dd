"""What is labeled next: the laws of the choice, on numbers alone."""

import numpy as np
import pytest

from mmssod.own_data.loop.looking import difference, mirror, openness, shift
from mmssod.own_data.loop.ranking import FARTHEST, SIGNALS, Signals, choose, directions, ranks


def signals(n, **given):
    """Images that differ in nothing but what is given; their features are far apart from each other."""
    flat = dict(
        doubt=np.zeros(n), place=np.zeros(n), disagreement=np.zeros(n), expected=np.zeros((n, 2))
    )
    return Signals(**{**flat, 'features': np.eye(n), **given})


def order(found):
    return [choice.index for choice in found]


NONE = np.zeros((0, 3))


@pytest.mark.parametrize('name', ['doubt', 'place', 'disagreement'])
def test_more_doubt_comes_first(name):
    found = choose(signals(3, **{name: np.array([1.0, 3.0, 2.0])}), [5, 5], NONE, 3)
    assert order(found) == [1, 2, 0]


def test_a_rarer_class_with_equal_doubt_comes_first():
    """A box of a class with 9 labels counts a tenth, one of a class with 99 labels a hundredth."""
    expected = np.array([[1, 0], [0, 1], [0.5, 0]])
    found = choose(signals(3, expected=expected), [99, 9], NONE, 3)
    assert order(found) == [1, 0, 2]
    np.testing.assert_allclose(found[0].gains, [0, 0.1])
    assert found[0].ranks['rarity'] == pytest.approx(5 / 6)


def test_what_was_chosen_counts_as_labeled():
    """Three images with one box of a class without labels: after the first one, the other class is the rarer one."""
    expected = np.array([[4, 0], [3, 0], [0, 0.9]])
    assert order(choose(signals(3, expected=expected), [0, 0], NONE, 3)) == [0, 2, 1]


def test_near_duplicates_come_once():
    features = np.array([[1, 0, 0], [1, 0.001, 0], [0, 1, 0], [0, 0, 1]])
    found = choose(signals(4, doubt=np.array([3.0, 4, 2, 1]), features=features), [1, 1], NONE, 4)
    assert order(found) == [1, 2, 3]
    assert [choice.duplicates for choice in found] == [(0,), (), ()]


def test_images_unlike_the_labeled_ones_come_first():
    """The labeled image is like image 0; image 2 is like image 1, so it comes after the other new one."""
    features = np.array([[1.0, 0, 0], [0, 1, 0.3], [0, 1, -0.3], [0, 0, -4]])
    found = choose(signals(4, features=features), [1, 1], features[:1], 4)
    assert found[0].index != 0 and order(found)[-1] == 0
    assert set(order(found)[:2]) != {1, 2}


@pytest.mark.parametrize(('images', 'number', 'expected'), [(0, 3, 0), (1, 3, 1), (5, 3, 3)])
def test_how_many(images, number, expected):
    found = choose(
        signals(images, features=np.eye(max(images, 1))[:images]), [0, 0], NONE[:, :images], number
    )
    assert len(found) == expected
    assert all(set(choice.ranks) == set(SIGNALS) for choice in found)


def test_ranks_and_directions():
    np.testing.assert_allclose(ranks(np.array([5.0, 1, 5, 7])), [0.5, 0.125, 0.5, 0.875])
    assert ranks(np.zeros(0)).shape == (0,)
    one, other = directions(np.array([[1.0, 2], [3, 6]]), np.zeros((0, 2)))
    assert other.shape == (0, 2) and 1 - one[0] @ one[1] == pytest.approx(FARTHEST)


def test_openness_peaks_at_the_limit():
    p = np.array([0, 0.1, 0.15, 0.2, 0.6, 0.8, 1])
    np.testing.assert_allclose(openness(p, np.full(7, 0.2)), [0, 0, 0.5, 1, 0, 0, 0], atol=1e-9)


def box(x, score, label=1, width=10):
    return dict(bbox=[x, 0, width, 10], score=score, category_id=label)


def test_difference_of_two_looks():
    """A pair differs by 0.2; a box of another class, or without a partner, by its score; faint ones not at all."""
    one = [box(0, 0.9), box(50, 0.5), box(80, 0.1)]
    other = [box(1, 0.7), box(50, 0.4, label=2)]
    least = [np.full(len(boxes), 0.2) for boxes in (one, other)]
    assert difference(one, other, *least) == pytest.approx(0.2 + 0.5 + 0.4)
    assert difference(one, one, least[0], least[0]) == 0
    assert difference([], [], np.zeros(0), np.zeros(0)) == 0


def test_shift_and_mirror():
    """Two boxes of 10 px that lie 2 px apart have an IoU of 8 / 12."""
    assert shift([box(0, 0.6)], [box(2, 0.3)]) == pytest.approx(0.6 / 3)
    assert shift([], [box(0, 1)]) == 0
    assert mirror(box(5, 1), 100)['bbox'] == [85, 0, 10, 10]
    assert mirror(mirror(box(5, 1), 100), 100) == box(5, 1)
