"""Pseudo labels in figures: hand-worked numbers."""

import math

import pytest
from builders.by_hand import CLASSES, data_set, detection

from mmssod.analysis.label_quality import label_quality, readings, text_table
from mmssod.evaluation import DetectorOutputs

TRUE = [(0, 0, [10 * n, 0, 10, 10]) for n in range(5)]


def outputs(*found):
    return DetectorOutputs(data_set(TRUE), CLASSES, dict(teacher=list(found)))


@pytest.fixture
def figures():
    """Two right boxes, p .9 and v .5, p .6 and v 1; a wrong one, p .8 and v .4; five true ones."""
    return label_quality(
        outputs(
            detection(0, 0, [0, 0, 10, 10], p=0.9, v=0.5),
            detection(0, 0, [10, 0, 10, 10], p=0.6, v=1.0),
            detection(1, 0, [50, 50, 10, 10], p=0.8, v=0.4),
        ),
        'teacher',
    )


def test_ranking_takes_as_many_as_a_share_of_the_true_boxes(figures):
    rows = {(row['certainty'], row['boxes']): row for row in figures['ranking']}
    assert rows['p', 2]['precision at 0.5'] == 0.5  # .9 and .8, the wrong one
    assert rows['p*v', 2]['precision at 0.5'] == 1  # .45 and .6
    assert rows['p*v', 2]['recall at 0.5'] == pytest.approx(2 / 5)
    assert rows['p*v', 3]['precision at 0.85'] == pytest.approx(2 / 3)  # no more than there are
    assert len(figures['ranking']) == 16


def test_thresholds(figures):
    rows = {row['kept']: row for row in figures['thresholds']}
    assert (rows['p > 0.7']['boxes'], rows['p*v > 0.4']['boxes']) == (2, 2)
    assert rows['p*v > 0.4']['mean IoU'] == 1
    assert rows['p_and_v > 0.5']['boxes'] == 1
    assert math.isnan(rows['p > 0.9']['precision at 0.5'])


def test_classes(figures):
    first, *others = figures['classes']
    assert (first['class'], first['withheld']) == (CLASSES[0], 5)
    assert (first['p*v > 0.5: boxes'], first['p*v > 0.7: boxes']) == (1, 0)
    assert (first['p*v > 0.5: precision'], first['p*v > 0.5: recall']) == (1, 1 / 5)
    assert math.isnan(first['p*v > 0.7: precision']) and first['p*v > 0.7: recall'] == 0
    assert [row['class'] for row in others] == list(CLASSES[1:])
    assert all(row['withheld'] == 0 and math.isnan(row['p*v > 0.5: recall']) for row in others)


def test_correlation_is_over_boxes_of_some_certainty(figures):
    found = {row['certainty']: row['correlation'] for row in figures['certainty']}
    assert found['p*v'] > found['p']
    more = label_quality(outputs(detection(0, 0, [0, 0, 10, 10], p=0.2, v=0.5)), 'teacher')
    assert all(math.isnan(row['correlation']) for row in more['certainty'])


def test_nothing_found_is_a_table_too():
    figures = label_quality(outputs(), 'teacher')
    assert {row['boxes'] for row in figures['ranking']} == {0}
    rows = text_table(figures['thresholds'])
    assert rows[0][:2] == ['kept', 'boxes']
    assert rows[1] == ['p > 0.3', '0', 'nan', 'nan', 'nan', '0.000', 'nan']


def test_a_level_of_certainty_keeps_what_a_teacher_gives_and_a_share_what_there_is():
    """The second teacher finds the same boxes, with v a third of the first one's: p*v > 0.5 keeps none of them."""
    places = [[10 * n, 0, 10, 10] for n in range(5)]
    first, second = (
        [
            detection(0, 0, place, p=0.95 - 0.05 * n, v=v * (1 - 0.1 * n))
            for n, place in enumerate(places)
        ]
        for v in (0.9, 0.3)
    )
    found = DetectorOutputs(data_set(TRUE), CLASSES, dict(first=first, second=second))
    rows = {(row['teacher'], row['kept']): row for row in readings(found)}
    assert [rows[name, 'p > 0.7']['boxes'] for name in ('first', 'second')] == [5, 5]
    assert [rows[name, 'p*v > 0.5']['boxes'] for name in ('first', 'second')] == [4, 0]
    for name in ('first', 'second'):
        row = rows[name, '0.8 of each class, by p*v']
        assert (row['boxes'], row['boxes per true box'], row['recall at 0.5']) == (4, 0.8, 0.8)


def test_a_share_is_of_each_class_and_of_found_boxes_only():
    """Five true boxes of class 0 and none of class 1: its boxes are no labels; one of class 0 was found."""
    found = outputs(detection(0, 0, [0, 0, 10, 10], p=0.2), detection(0, 1, [20, 0, 10, 10], p=0.9))
    row = next(row for row in readings(found) if row['kept'] == '0.8 of each class, by p')
    assert (row['boxes'], row['precision at 0.5']) == (1, 1)
