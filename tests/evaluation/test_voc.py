"""VOC's metric: figures worked by hand, through the same calls as mmengine's evaluator."""

import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import BaseDataElement, InstanceData

from mmssod.evaluation import CocoBoxMetric, VOCBoxMetric

A, B, FAR = [0.0, 0.0, 9.0, 9.0], [20.0, 20.0, 39.0, 39.0], [60.0, 60.0, 70.0, 70.0]


def instances(boxes, labels=None, scores=None):
    labels = torch.zeros(len(boxes), dtype=torch.int64) if labels is None else torch.tensor(labels)
    parts = InstanceData(bboxes=torch.tensor(boxes).reshape(-1, 4), labels=labels)
    if scores is not None:
        parts.scores = torch.tensor(scores)
    return parts


def figures(images, eval_mode='11points', classes=('a', 'b')):
    """``images`` are (true boxes, difficult boxes, predicted boxes, scores), all of the first class."""
    metric = VOCBoxMetric(eval_mode=eval_mode)
    evaluator = Evaluator([metric])
    evaluator.dataset_meta = dict(classes=classes)
    for true, difficult, predicted, scores in images:
        sample = BaseDataElement(
            gt_instances=instances(true),
            ignored_instances=instances(difficult),
            pred_instances=instances(predicted, scores=scores),
        )
        evaluator.process([sample])
    return evaluator.evaluate(len(images))


@pytest.mark.parametrize(
    ('eval_mode', 'expected'),
    [
        # Recall 0 to 0.5 at precision 1: six points; 0.6 to 1 at precision 2/3: five.
        ('11points', (6 + 5 * 2 / 3) / 11),
        ('area', 0.5 * 1 + 0.5 * 2 / 3),
    ],
)
@pytest.mark.parametrize('images', [1, 2])
def test_average_precision_by_hand(eval_mode, expected, images):
    """Two objects; found, false, found. A find of the difficult object counts neither way, at whatever score."""
    difficult = [80.0, 0.0, 99.0, 30.0]
    first = ([A, B], [difficult], [difficult, A, FAR, B], [0.95, 0.9, 0.8, 0.7])
    empty = ([], [], [], [])
    metrics = figures([first, empty][:images], eval_mode)
    assert set(metrics) == {'pascal_voc/mAP', 'pascal_voc/AP50', 'pascal_voc/AP75'}
    assert list(metrics.values()) == pytest.approx([expected] * 3)


def test_nothing_found_and_nothing_there():
    assert set(figures([([A], [], [], [])]).values()) == {0.0}
    assert set(figures([([], [], [A], [0.9])]).values()) == {0.0}


def test_the_same_object_twice_is_one_find_and_one_mistake():
    twice = figures([([A, B], [], [A, A, B], [0.9, 0.8, 0.7])], 'area')
    assert twice['pascal_voc/AP50'] == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_a_box_is_as_wide_as_it_has_pixels():
    """Rows 0 to 9 and 0 to 4: 100 and 50 pixels, IoU 0.5 exactly; as lengths it would be 36 of 81."""
    half = figures([([A], [], [[0.0, 0.0, 9.0, 4.0]], [0.9])])
    assert half['pascal_voc/AP50'] == 1.0
    assert half['pascal_voc/AP75'] == 0.0
    assert half['pascal_voc/mAP'] == pytest.approx(0.1)  # one of ten thresholds


def test_names_are_not_cocos():
    assert VOCBoxMetric(eval_mode='area').prefix != CocoBoxMetric(metric='bbox').prefix


def test_the_mode_has_to_be_named():
    with pytest.raises(TypeError, match='eval_mode'):
        VOCBoxMetric()
    with pytest.raises(AssertionError, match='11points'):
        VOCBoxMetric(eval_mode='12points')
