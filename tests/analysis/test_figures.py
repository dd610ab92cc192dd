"""Figures 2 and 3, Table 4 and the class balance: hand-worked numbers; what is drawn is what is written."""

import csv
import json
import math

import matplotlib.image
import numpy as np
import pytest
from builders.by_hand import CLASSES, data_set, detection

from mmssod.analysis import ap_over_iou, box_precision, class_ap, class_balance
from mmssod.analysis.plotting import new_figure, percent, save
from mmssod.evaluation import DetectorOutputs

IOU = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]


def lines(axes):
    """What is drawn: heights of each line, None where there is a gap."""
    return [
        [None if math.isnan(height) else height for height in line.get_ydata()]
        for line in axes.get_lines()
    ]


def saved(figure, numbers, tmp_path):
    """The json beside a PNG of sensible size."""
    path = tmp_path / 'figures' / 'figure.png'
    save(figure, numbers, path)
    height, width = matplotlib.image.imread(path).shape[:2]
    assert 300 < height < 3000 and 600 < width < 3000
    return json.loads(path.with_suffix('.json').read_text())


def only(outputs, *labels):
    found = {label: outputs.found[label] for label in labels}
    return DetectorOutputs(outputs.annotations, outputs.classes, found)


@pytest.mark.parametrize('labels', [['none'], ['rough'], ['perfect', 'rough', 'none']])
def test_ap_over_iou(outputs, labels, tmp_path):
    """The one box of IoU 0.72 is right up to 0.70; two classes have true boxes."""
    numbers = ap_over_iou.ap_over_iou(only(outputs, *labels))
    known = dict(perfect=[100] * 10, rough=[50] * 5 + [0] * 5, none=[0] * 10)
    assert numbers['iou'] == IOU
    assert numbers['ap'] == {label: pytest.approx(known[label]) for label in labels}
    assert numbers['mean'] == {label: pytest.approx(np.mean(known[label])) for label in labels}
    figure = ap_over_iou.draw(numbers)
    assert saved(figure, numbers, tmp_path) == numbers
    assert lines(figure.axes[0]) == list(numbers['ap'].values())
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ('IoU threshold', 'AP (%)')


def test_without_true_boxes_there_is_no_ap(tmp_path):
    empty = DetectorOutputs(data_set([]), CLASSES, dict(one=[detection(0, 0, [0, 0, 5, 5])]))
    numbers = ap_over_iou.ap_over_iou(empty)
    assert numbers['mean'] == {'one': None}
    assert lines(ap_over_iou.draw(numbers).axes[0]) == [[None] * 10]


def test_precision_of_pseudo_boxes(outputs, tmp_path):
    numbers = box_precision.box_precision(outputs, certainty='p*v', threshold=0.5)
    assert numbers['selection'] == 'p*v > 0.5'
    assert numbers['boxes'] == dict(perfect=3, rough=1, none=0)
    assert numbers['precision'] == dict(
        perfect=[100] * 10, rough=[100] * 5 + [0] * 5, none=[None] * 10
    )
    third = pytest.approx(100 / 3, abs=1e-4)
    assert numbers['recall']['rough'] == [third] * 5 + [0] * 5
    figure = box_precision.draw(numbers)
    assert saved(figure, numbers, tmp_path) == numbers
    assert lines(figure.axes[0]) == list(numbers['precision'].values())


@pytest.mark.parametrize(
    ('certainty', 'threshold', 'kept'),
    [('p*v', 0.7, 3), ('p*v', 0.75, 0), ('p', 0.75, 3), ('v', 0.85, 0), ('p_and_v', 0.79, 3)],
)
def test_what_the_threshold_is_compared_with(outputs, certainty, threshold, kept):
    """The perfect detector's p is 0.9, its v 0.8."""
    numbers = box_precision.box_precision(only(outputs, 'perfect'), certainty, threshold)
    assert numbers['boxes'] == dict(perfect=kept)


@pytest.mark.parametrize(('boxes', 'precision'), [(1, 100), (2, 50), (3, 100 * 2 / 3), (9, 50)])
def test_the_same_number_of_each_teacher(truth, boxes, precision):
    found = [
        detection(0, 0, [0, 0, 10, 10], 0.9),
        detection(0, 0, [70, 70, 9, 9], 0.8),
        detection(1, 0, [20, 20, 10, 10], 0.7),
        detection(1, 1, [0, 0, 9, 9], 0.6),
    ]
    outputs = DetectorOutputs(truth, CLASSES, dict(one=found))
    numbers = box_precision.box_precision(outputs, boxes=boxes)
    assert numbers['boxes'] == dict(one=min(boxes, 4))
    assert numbers['precision']['one'] == pytest.approx([precision] * 10, abs=1e-4)
    assert numbers['selection'] == f'the {boxes} boxes of the greatest p*v'


def test_unknown_certainty(outputs):
    with pytest.raises(ValueError, match="'p_and_v'.*got 'q'"):
        box_precision.box_precision(outputs, certainty='q')


TRAIN = data_set([(0, 0, [0, 0, 5, 5])] * 3 + [(0, 2, [0, 0, 5, 5])] * 2 + [(0, 1, [0, 0, 5, 5])])


def test_ap_of_each_class(outputs, tmp_path):
    """Rarest first: bee (1 box), cat (2, but none to judge by), ant (3)."""
    numbers = class_ap.class_ap(outputs, TRAIN, num_rare=2)
    assert numbers['classes'] == ['bee', 'cat', 'ant']
    assert (numbers['train_boxes'], numbers['true_boxes']) == ([1, 2, 3], [1, 0, 2])
    assert numbers['ap'] == dict(perfect=[100, None, 100], rough=[50, None, 0], none=[0, None, 0])
    assert numbers['mean']['rough'] == dict(all=25, rare=50, other=0)
    figure = class_ap.draw(numbers)
    assert saved(figure, numbers, tmp_path) == numbers
    bars = [
        [None if math.isnan(bar.get_width()) else bar.get_width() for bar in container]
        for container in figure.axes[0].containers
    ]
    for label, drawn in zip(outputs.found, bars, strict=True):
        assert drawn == [*numbers['mean'][label].values(), *numbers['ap'][label]]


def test_the_table_is_the_numbers(outputs, tmp_path):
    numbers = class_ap.class_ap(only(outputs, 'rough'), TRAIN, num_rare=2)
    class_ap.write_csv(numbers, tmp_path / 'table.csv')
    with (tmp_path / 'table.csv').open(newline='') as stream:
        assert list(csv.reader(stream)) == [
            ['class', 'train_boxes', 'true_boxes', 'rare', 'rough'],
            ['all 3', '', '', '', '25.0'],
            ['rarest 2', '', '', '', '50.0'],
            ['other 1', '', '', '', '0.0'],
            ['bee', '1', '1', '1', '50.0'],
            ['cat', '2', '0', '1', ''],
            ['ant', '3', '2', '0', '0.0'],
        ]
    assert class_ap.text_rows(numbers)[5] == ['cat', '2', '0', '1', '']


@pytest.mark.parametrize(
    ('num_rare', 'means'), [(0, ['all', 'other']), (3, ['all', 'rare']), (9, ['all', 'rare'])]
)
def test_none_or_all_classes_are_rare(outputs, num_rare, means):
    numbers = class_ap.class_ap(outputs, TRAIN, num_rare)
    assert list(class_ap.mean_names(numbers)) == means
    class_ap.draw(numbers)


def write_run(folder, records):
    lines = [json.dumps(record) + '\n' for record in records]
    (folder / 'class_balance.jsonl').write_text(''.join(lines))


def record(iteration, **more):
    thresholds = [0.7, 0.6 + iteration / 100, 0.5]
    counts = dict(counts=[30.0, 2.0, 10.0 + iteration], certainty=[0.5, 0.25, 0.125])
    return dict(
        iter=iteration, thresholds=thresholds, weights=[1.0, 2.0, iteration], **counts, **more
    )


START = record(0, classes=list(CLASSES), labeled_boxes=[30, 2, 10])


@pytest.mark.parametrize('iterations', [[], [2], [2, 4, 6]])
def test_class_balance(tmp_path, iterations):
    write_run(tmp_path, [START, *(record(i) for i in iterations)])
    numbers = class_balance.class_balance(tmp_path)
    assert numbers['iterations'] == [0, *iterations]
    assert numbers['labeled_boxes'] == [30, 2, 10]
    figure = class_balance.draw(numbers)
    assert saved(figure, numbers, tmp_path) == numbers
    for axes, key in zip(figure.axes, ('thresholds', 'weights'), strict=True):
        # Rarest first: bee, cat, ant.
        assert lines(axes) == np.array(numbers[key])[:, [1, 2, 0]].T.tolist()
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ['bee (2)', 'cat (10)', 'ant (30)']


def test_the_legend_of_many_classes_names_some(tmp_path):
    many = [f'class{i}' for i in range(80)]
    numbers = {name: [1.0] * 80 for name in ('thresholds', 'weights', 'counts', 'certainty')}
    start = dict(iter=0, classes=many, labeled_boxes=[*range(80)], **numbers)
    write_run(tmp_path, [start])
    figure = class_balance.draw(class_balance.class_balance(tmp_path))
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert (len(texts), texts[0], texts[-1]) == (12, 'class0 (0)', 'class79 (79)')


@pytest.mark.parametrize(
    ('records', 'message'),
    [(None, 'expected .*found none'), ([], 'no line'), ([dict(iter=2)], r"\['iter'\]")],
)
def test_a_run_without_class_balance(tmp_path, records, message):
    if records is not None:
        write_run(tmp_path, records)
    with pytest.raises(ValueError, match=message):
        class_balance.class_balance(tmp_path)


def test_a_figure_is_a_png(tmp_path):
    with pytest.raises(ValueError, match='ending in .png, got .*figure.pdf'):
        save(new_figure(2, 2), {}, tmp_path / 'figure.pdf')


@pytest.mark.parametrize(
    ('share', 'shown'), [(None, None), (float('nan'), None), (-1, None), (0, 0), (0.28, 28)]
)
def test_percent(share, shown):
    assert percent(share) == shown
