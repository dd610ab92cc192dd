"""Pictures of two sides: how different they are, which are chosen, where tags go, what is written."""

import json

import matplotlib.image
import numpy as np
import pytest
from builders.by_hand import CLASSES, data_set, detection

from mmssod.analysis import drawing
from mmssod.analysis.pictures import Side, choose, distance, pictures
from mmssod.evaluation import DetectorOutputs

BOX = [0, 0, 10, 10]


def side(*boxes):
    """From (class, x1, y1, x2, y2) rows."""
    corners = np.array([box[1:] for box in boxes], dtype=float).reshape(-1, 4)
    return Side(corners, tuple(box[0] for box in boxes), tuple(box[0] for box in boxes))


ANT, BEE = ('ant', 0, 0, 10, 10), ('bee', 0, 0, 10, 10)


@pytest.mark.parametrize(
    ('first', 'second', 'expected'),
    [
        ([], [], 0),
        ([ANT], [], 1),
        ([ANT], [ANT], 0),
        ([ANT], [BEE], 2),
        ([ANT], [('ant', 0, 0, 7, 10)], 0.6),
        # One to one: the second ant has no partner.
        ([ANT, ANT], [ANT, BEE], 2),
        # The best match as a whole: 0.9 + 0.8 = 1.7 of 2, not the perfect pair and nothing.
        ([ANT, ('ant', 0, 0, 9, 10)], [('ant', 0, 0, 8, 10), ANT], 2 * (2 - 1 - 8 / 9)),
    ],
)
def test_distance(first, second, expected):
    assert distance(side(*first), side(*second)) == pytest.approx(expected, abs=1e-6)
    assert distance(side(*second), side(*first)) == pytest.approx(expected, abs=1e-6)


@pytest.fixture
def image_files(tmp_path):
    for image in range(2):
        matplotlib.image.imsave(tmp_path / f'{image}.png', np.zeros((80, 100, 3), np.uint8))
    return str(tmp_path)


def two(truth, first, second, images=''):
    return DetectorOutputs(truth, CLASSES, dict(ours=first, theirs=second), images)


def test_the_most_different_come_first(truth):
    same, more = detection(0, 0, BOX), detection(1, 0, [20, 20, 10, 10])
    shown = pictures(two(truth, [same, more], [same]))
    assert [(p.image_id, p.distance) for p in shown] == [(1, 1), (0, 0)]
    assert [p.image_id for p in choose(shown, 1)] == [1]
    assert [p.image_id for p in choose(shown, 1, [0, 1])] == [0, 1]
    with pytest.raises(ValueError, match=r'\[7\].*2 from 0 to 1'):
        choose(shown, 1, [7])


def test_one_detector_is_compared_with_the_truth(truth):
    outputs = DetectorOutputs(truth, CLASSES, dict(ours=[detection(0, 0, BOX)]))
    shown = pictures(outputs)
    assert list(shown[0].sides) == ['ours', 'truth']
    assert {p.image_id: p.distance for p in shown} == {0: 1, 1: 1}  # the bee, the other ant


@pytest.mark.parametrize('labels', [[], ['a', 'b', 'c']])
def test_one_or_two_detectors(truth, labels):
    outputs = DetectorOutputs(truth, CLASSES, {label: [] for label in labels})
    with pytest.raises(ValueError, match='expected one detector'):
        pictures(outputs)


def test_threshold_order_and_tags(truth):
    found = [
        detection(0, 0, BOX, 0.9, 0.9),
        detection(0, 1, BOX, 0.8, 0.5),
        detection(0, 2, BOX, 0.6),
    ]
    (shown, *_) = choose(pictures(two(truth, found, [])), 1, [0])
    assert shown.sides['ours'].tags == ('cat 0.60', 'ant p 0.90 v 0.90')  # p*v of the bee is 0.4
    (shown, *_) = choose(pictures(two(truth, found, []), 'p', 0.7), 1, [0])
    assert shown.sides['ours'].classes == ('bee', 'ant')
    assert shown.sides['theirs'].boxes.shape == (0, 4)


def test_crowds_are_not_shown():
    truth = data_set([(0, 0, BOX), (0, 1, BOX)], images=1)
    truth['annotations'][1]['iscrowd'] = 1
    (picture,) = pictures(two(truth, [], []))
    assert picture.truth.classes == ('ant',)


@pytest.mark.parametrize('number', [0, 1, 2])
def test_files(truth, image_files, tmp_path, number):
    found = [detection(0, 0, BOX, 0.9, 0.8), detection(0, 1, [40, 40, 20, 20], 0.9)]
    shown = pictures(two(truth, found, [], images=image_files))
    out = tmp_path / 'out'
    drawing.write(choose(shown, number), out, with_truth=True)
    records = json.loads((out / 'pictures.json').read_text())
    assert [record['file'] for record in records] == ['000_0.png', '001_1.png'][:number]
    assert sorted(path.name for path in out.glob('*.png')) == [r['file'] for r in records]
    for record, picture in zip(records, shown, strict=False):
        height, width = matplotlib.image.imread(out / record['file']).shape[:2]
        assert 1300 < width < 1700 and 0.3 < height / width < 0.5
        assert record['distance'] == picture.distance
    if number:
        assert records[0]['sides']['ours'] == [
            dict(bbox=[0, 0, 10, 10], label='ant', tag='ant p 0.90 v 0.80'),
            dict(bbox=[40, 40, 60, 60], label='bee', tag='bee 0.90'),
        ]
        assert records[0]['sides']['theirs'] == []
        assert [box['label'] for box in records[0]['sides']['truth']] == ['ant', 'bee']


def test_what_is_drawn(truth, image_files):
    shown = pictures(two(truth, [detection(0, 0, BOX)], [], images=image_files))
    (picture,) = choose(shown, 1, [0])
    left, right = drawing.draw(picture).axes
    assert [text.get_text() for text in left.texts] == ['ant 0.90']
    assert [left.get_title(), right.get_title()] == ['ours (boxes: 1)', 'theirs (boxes: 0)']
    assert (len(left.patches), len(right.patches)) == (3, 0)  # halo, box, tag
    left, right = drawing.draw(picture, with_truth=True).axes
    assert (len(left.patches), len(right.patches)) == (7, 4)  # two true boxes, two strokes each


SIZE = np.array([30.0, 6.0])


def place(box, taken=()):
    return drawing.free_place(np.array(box, float), SIZE, (100, 80), list(taken)).tolist()


def test_tags_go_above_their_box_or_where_there_is_room():
    assert place([10, 20, 60, 50]) == [10, 14, 40, 20]
    assert place([10, 0, 60, 50]) == [10, 50, 40, 56]  # no room above: below
    above = [np.array([0.0, 10, 100, 20])]
    assert place([10, 20, 60, 50], above) == [10, 50, 40, 56]
    x1, y1, x2, y2 = place([90, 0, 99, 79])  # no room anywhere: moved into the image
    assert 0 <= x1 and x2 <= 100 and 0 <= y1 and y2 <= 80
