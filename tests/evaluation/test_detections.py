"""Detections as plain data."""

import json

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from mmssod.evaluation import CocoBoxMetric, DetectionWriter, DetectorOutputs, evaluate_boxes
from mmssod.evaluation.detections import certainties, corners

TRUTH = dict(
    images=[dict(id=i, width=64, height=64, file_name=f'{i}.jpg') for i in range(2)],
    categories=[dict(id=7, name='bee'), dict(id=3, name='ant')],
    annotations=[
        dict(id=1, image_id=0, category_id=3, bbox=[0, 0, 10, 10], area=100, iscrowd=0),
        dict(id=2, image_id=1, category_id=7, bbox=[5, 5, 20, 20], area=400, iscrowd=0),
    ],
)


def sample(image, boxes, labels, scores, **more):
    instances = InstanceData(
        bboxes=torch.tensor(boxes, dtype=torch.float).reshape(-1, 4),
        labels=torch.tensor(labels, dtype=torch.long),
        scores=torch.tensor(scores, dtype=torch.float),
        **{name: torch.tensor(value, dtype=torch.float) for name, value in more.items()},
    )
    return dict(img_id=image, ori_shape=(64, 64), pred_instances=dict(instances.items()))


def write(tmp_path, samples):
    """What the metric writes, and the figures of the metric that judges."""
    (tmp_path / 'truth.json').write_text(json.dumps(TRUTH))
    files = dict(ann_file=str(tmp_path / 'truth.json'))
    writer = DetectionWriter(out_file=str(tmp_path / 'found.json'), **files)
    judge = CocoBoxMetric(**files)
    for metric in (writer, judge):
        metric.dataset_meta = dict(classes=('ant', 'bee'))
        metric.process({}, samples)
    count = writer.evaluate(2)['detections/boxes']
    found = json.loads((tmp_path / 'found.json').read_text())
    assert count == len(found)
    return found, judge.evaluate(2)['coco/bbox_mAP']


def test_no_box(tmp_path):
    samples = [sample(i, [], [], []) for i in range(2)]
    assert write(tmp_path, samples) == ([], 0)


def test_boxes_with_and_without_certainties(tmp_path):
    more = dict(cls_certainty=[0.75], loc_certainty=[0.5])
    samples = [
        sample(0, [[0, 0, 10, 8]], [0], [0.375], **more),
        sample(1, [[5, 5, 25, 25], [0, 0, 9, 9]], [1, 1], [0.5, 0.25]),
    ]
    found, mean = write(tmp_path, samples)
    assert found[0] == dict(image_id=0, category_id=3, bbox=[0, 0, 10, 8], score=0.375, **{
        name: values[0] for name, values in more.items()
    })  # fmt: skip
    assert found[1] == dict(image_id=1, category_id=7, bbox=[5, 5, 20, 20], score=0.5)
    # Saved detections are worth what the metric says, and evaluation does not write into them.
    before = json.dumps(found)
    assert evaluate_boxes(TRUTH, found, [3, 7]).ap() == pytest.approx(mean)
    assert json.dumps(found) == before
    p, v = certainties(found)
    assert (p.tolist(), v.tolist()) == ([0.75, 0.5, 0.25], [0.5, 1, 1])


def test_corners():
    assert corners([]).shape == (0, 4)
    assert corners(TRUTH['annotations']).tolist() == [[0, 0, 10, 10], [5, 5, 25, 25]]
    assert all(values.shape == (0,) for values in certainties([]))


def test_every_image_has_its_boxes():
    box = dict(image_id=1, category_id=7, bbox=[0, 0, 1, 1], score=0.5)
    outputs = DetectorOutputs(TRUTH, ('ant', 'bee'), dict(one=[box], none=[]))
    assert outputs.by_image('one') == {0: [], 1: [box]}
    assert outputs.by_image('none') == {0: [], 1: []}
    assert outputs.class_ids == [3, 7]


@pytest.mark.parametrize(
    ('key', 'message'), [('image_id', 'the 2 images'), ('category_id', 'the 2 categories')]
)
def test_detections_of_another_data_set(key, message):
    box = dict(image_id=1, category_id=7, bbox=[0, 0, 1, 1], score=0.5)
    with pytest.raises(ValueError, match=f'^one: 1 values of {key} .*{message}.*99'):
        DetectorOutputs(TRUTH, ('ant', 'bee'), dict(one=[box, box | {key: 99}]))


def test_unknown_class():
    with pytest.raises(ValueError, match=r"\['cat'\]"):
        DetectorOutputs(TRUTH, ('ant', 'cat'), {})


def test_same_certainty_by_array_or_by_box():
    rng = np.random.default_rng(0)
    p, v = rng.random((2, 5))
    boxes = [dict(score=a * b, cls_certainty=a, loc_certainty=b) for a, b in zip(p, v, strict=True)]
    np.testing.assert_array_equal(certainties(boxes), (p, v))
