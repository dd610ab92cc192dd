"""A paired bootstrap gives what COCO's evaluation says of data in which the drawn images are repeated."""

import json

import numpy as np
import pytest
from builders.by_hand import data_set, detection

from mmssod.analysis.gain import draw_images, interval, paired_gain, recall_levels
from mmssod.analysis.image_matches import match_images
from mmssod.evaluation import evaluate_boxes

IDS = [10, 20, 30]
BOX, FAR = [10, 10, 20, 20], [60, 40, 20, 20]


def made(seed, images=7, crowds=True):
    """Random boxes, some of them crowds, and two detectors that find some of them more or less precisely."""
    random = np.random.RandomState(seed)
    rows = [
        (i, int(random.randint(3)), [float(x) for x in (*random.uniform(0, 60, 2), *random.uniform(10, 40, 2))])
        for i in range(images)
        for _ in range(random.randint(0, 5))
    ]  # fmt: skip
    truth = data_set(rows, images)
    for box in truth['annotations']:
        box['iscrowd'] = int(crowds and random.rand() < 0.15)
    return truth, *(detector(rows, images, random) for _ in range(2))


def detector(rows, images, random):
    found = []
    for image, index, box in rows:
        for _ in range(random.randint(0, 3)):
            shift = random.normal(0, 2.5, 4)
            sides = np.maximum(np.array(box) + shift, 1).tolist()
            found.append(detection(image, index, sides, random.randint(1, 40) / 40))
    for _ in range(2 * images):
        box = [float(x) for x in (*random.uniform(0, 60, 2), *random.uniform(10, 40, 2))]
        found.append(detection(random.randint(images), random.randint(3), box, random.rand()))
    # Scores of one image are distinct; those of different images may be equal.
    taken = set()
    for box in found:
        while (box['image_id'], box['score']) in taken:
            box['score'] = float(random.rand())
        taken.add((box['image_id'], box['score']))
    return found


def repeated(truth, found, row):
    """The data set and detections in which image i stands row[i] times, each time under a new id."""
    copies = [
        (image, 100 * image + copy) for image, times in enumerate(row) for copy in range(times)
    ]
    images = [dict(truth['images'][old], id=new) for old, new in copies]

    def copied(boxes):
        return [dict(b, image_id=new) for old, new in copies for b in boxes if b['image_id'] == old]

    boxes = [dict(box, id=number) for number, box in enumerate(copied(truth['annotations']), 1)]
    return dict(truth, images=images, annotations=boxes), copied(found)


def coco_ap(truth, found):
    ap = evaluate_boxes(truth, found, IDS, backend='pycocotools').ap()
    return float('nan') if ap < 0 else 100 * ap


@pytest.mark.parametrize('seed', range(4))
def test_each_draw_is_cocos_evaluation_of_the_repeated_images(seed):
    truth, ours, theirs = made(seed)
    gain = paired_gain(truth, ours, theirs, draws=8, seed=seed)
    for row, drawn in zip(draw_images(7, 8, seed), gain.drawn, strict=True):
        ap, other = (coco_ap(*repeated(truth, found, row)) for found in (ours, theirs))
        assert drawn == pytest.approx(ap - other, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize('seed', range(4))
def test_without_drawing_it_is_the_difference_in_ap(seed):
    truth, ours, theirs = made(10 + seed)
    gain = paired_gain(truth, ours, theirs, draws=0)
    both = [evaluate_boxes(truth, found, IDS, backend='pycocotools') for found in (ours, theirs)]
    assert gain.ap == pytest.approx(100 * both[0].ap(), abs=1e-9)
    assert gain.other_ap == pytest.approx(100 * both[1].ap(), abs=1e-9)
    assert gain.gain == pytest.approx(gain.ap - gain.other_ap)
    changes = np.subtract(both[0].per_class, both[1].per_class) * 100
    assert list(gain.classes.values()) == pytest.approx(changes.tolist(), abs=1e-9)
    assert np.isnan([gain.low, gain.high]).all() and gain.drawn.shape == (0,)


def test_by_hand():
    """Two images with a box each; the other detector finds both, ours the first alone.

    AP of ours is 1, 51 / 101 (51 recall points up to 0.5) or 0 where the first image was drawn twice, once, never.
    """
    truth = data_set([(0, 0, BOX), (1, 0, BOX)])
    theirs = [detection(0, 0, BOX), detection(1, 0, BOX, 0.8)]
    gain = paired_gain(truth, theirs[:1], theirs, draws=200)
    times = draw_images(2, 200, 0)[:, 0]
    expected = np.array([-100.0, 100 * (51 / 101 - 1), 0.0])
    np.testing.assert_allclose(gain.drawn, expected[times])
    assert gain.gain == pytest.approx(expected[1]) and set(gain.classes) == {'ant'}
    assert (gain.low, gain.high, gain.images, gain.draws) == (-100.0, 0.0, 2, 200)


def test_a_detector_gains_nothing_over_itself():
    truth, ours, _ = made(3)
    gain = paired_gain(truth, ours, ours, draws=20)
    assert gain.gain == gain.low == gain.high == 0 and set(gain.classes.values()) == {0.0}


@pytest.mark.parametrize(('rows', 'found', 'ap'), [
    ([], [], None), ([], [detection(0, 0, BOX)], None), ([(0, 0, BOX)], [], 0.0),
    ([(0, 0, BOX)], [detection(0, 0, BOX)], 100.0), ([(0, 0, BOX)], [detection(1, 0, BOX)], 0.0),
])  # fmt: skip
def test_nothing_to_find_and_nothing_found(rows, found, ap):
    gain = paired_gain(data_set(rows), found, [], draws=5)
    assert gain.gain == (
        pytest.approx(ap) if ap is not None else pytest.approx(float('nan'), nan_ok=True)
    )


def test_one_image_is_always_drawn():
    truth, ours, theirs = made(5, images=1, crowds=False)
    gain = paired_gain(truth, ours, theirs, draws=9)
    np.testing.assert_allclose(gain.drawn, gain.gain)


def test_a_class_that_is_not_drawn_is_left_out_of_the_mean():
    """Ours misses the bee of image 1: where that image is not drawn, both have found all."""
    truth = data_set([(0, 0, BOX), (1, 1, BOX)])
    both = [detection(0, 0, BOX), detection(1, 1, BOX)]
    gain = paired_gain(truth, both[:1], both, draws=50)
    expected = np.array([-100.0, -50.0, 0.0])  # only the bee, both classes, only the ant
    np.testing.assert_allclose(gain.drawn, expected[draw_images(2, 50, 0)[:, 0]])
    assert gain.classes == {'ant': 0.0, 'bee': -100.0}
    assert gain.intervals == {'ant': (0.0, 0.0), 'bee': (-100.0, -100.0)}


def test_seeds_files_and_classes(tmp_path):
    truth, ours, theirs = made(6)
    (tmp_path / 'truth.json').write_text(json.dumps(truth))
    first = paired_gain(truth, ours, theirs, draws=30)
    again = paired_gain(tmp_path / 'truth.json', ours, theirs, draws=30)
    other = paired_gain(truth, ours, theirs, draws=30, seed=1)
    assert first == again and not np.array_equal(first.drawn, other.drawn)
    bees = paired_gain(truth, ours, theirs, draws=3, classes=('bee',))
    assert bees.classes == {'bee': first.classes['bee']} and bees.gain == pytest.approx(
        first.classes['bee']
    )


def test_what_cannot_be_compared():
    truth, ours, _ = made(0)
    with pytest.raises(ValueError, match='theirs: expected detections on the 7 images'):
        paired_gain(truth, ours, [detection(99, 0, BOX)])
    with pytest.raises(ValueError, match='dog'):
        paired_gain(truth, ours, ours, classes=('dog',))
    with pytest.raises(ValueError, match='0 or more'):
        paired_gain(truth, ours, ours, draws=-1)


def test_draws_have_as_many_images():
    rows = draw_images(9, 40, 2)
    assert (
        rows.shape == (40, 9)
        and (rows.sum(axis=1) == 9).all()
        and len(np.unique(rows, axis=0)) > 30
    )


def test_recall_levels_are_cocos():
    """Of 57 boxes, 57/100 of recall is point 57; COCO's own rounding decides where both meet exactly."""
    points = np.linspace(0, 1, 101)
    levels = recall_levels(np.array([1, 57, 100, 0]))
    for row, number in zip(levels, (1, 57, 100), strict=False):
        recall = np.arange(number + 1) / number
        reached = [(points <= value).sum() for value in recall]
        assert row[: number + 1].tolist() == reached
    assert levels[0, 1] == 101


def test_only_the_most_certain_of_an_image_count():
    truth = data_set([(0, 0, FAR)])
    scores = [(0, 0.5), (0, 0.9), (0, 0.7), (1, 0.1), (1, 0.2), (1, 0.3)]
    found = [detection(image, 0, BOX, p) for image, p in scores]
    one = match_images(truth, found, IDS, most=2)[0]
    assert one.score.tolist() == [0.9, 0.7, 0.3, 0.2] and one.image.tolist() == [0, 0, 1, 1]


def test_interval():
    low, high = interval(np.array([np.nan, *range(101)], dtype=float))
    assert (low, high) == (2.5, 97.5)
