"""COCO evaluation: two libraries, one set of figures; hand-worked cases."""

import copy
import json

import numpy as np
import pytest
import torch
from mmdet.evaluation.metrics import CocoMetric
from mmengine.structures import InstanceData

from mmssod.engine.preflight import truth_problems
from mmssod.evaluation import CocoBoxMetric, evaluate_boxes
from mmssod.evaluation.coco import rarest


def truth(boxes, images=2, classes=3):
    """A COCO data set from (image, class, bbox, crowd) rows."""
    return dict(
        images=[dict(id=i, width=100, height=100, file_name=f'{i}.jpg') for i in range(images)],
        categories=[dict(id=10 * c, name=f'class{c}') for c in range(classes)],
        annotations=[
            dict(
                id=n + 1,
                image_id=i,
                category_id=10 * c,
                bbox=box,
                area=box[2] * box[3],
                iscrowd=crowd,
            )
            for n, (i, c, box, crowd) in enumerate(boxes)
        ],
    )


def random_case(seed):
    rng = np.random.default_rng(seed)
    boxes = []
    for _ in range(40):
        box = [*rng.uniform(0, 50, 2), *rng.uniform(5, 50, 2)]
        boxes.append((int(rng.integers(4)), int(rng.integers(3)), box, int(rng.random() < 0.1)))
    found = [
        dict(
            image_id=image,
            category_id=10 * label,
            bbox=[float(x) for x in np.add(box, rng.normal(0, 3, 4)).clip(1)],
            score=float(rng.random()),
        )
        for image, label, box, _ in boxes * 2
    ]
    # Class 3 has no true box.
    return truth(boxes, images=4, classes=4), found


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize('count', [0, 1, 80])
def test_both_libraries_give_the_same(seed, count):
    annotations, found = random_case(seed)
    results = [
        evaluate_boxes(annotations, found[:count], [0, 10, 20, 30], backend=backend)
        for backend in ('faster', 'pycocotools')
    ]
    np.testing.assert_allclose(results[0].precision, results[1].precision, rtol=0, atol=1e-9)
    assert results[0].per_class[3] == -1


def test_hand_worked_average_precision():
    annotations = truth([(0, 0, [0, 0, 10, 10], 0)], images=1, classes=1)
    perfect = dict(image_id=0, category_id=0, bbox=[0, 0, 10, 10], score=0.9)
    assert evaluate_boxes(annotations, [perfect], [0]).ap() == pytest.approx(1)
    # IoU 0.7: right at 0.50 to 0.70, five of the ten thresholds.
    off = dict(perfect, bbox=[0, 0, 7, 10])
    result = evaluate_boxes(annotations, [off], [0])
    assert (result.ap(iou=0.5), result.ap(iou=0.75)) == (pytest.approx(1), 0)
    assert result.ap() == pytest.approx(0.5)
    assert result.per_iou == pytest.approx([1] * 5 + [0] * 5)


def test_a_crowd_is_neither_found_nor_missed():
    annotations = truth([(0, 0, [0, 0, 10, 10], 0), (0, 0, [50, 50, 40, 40], 1)], 1, 1)
    box = dict(image_id=0, category_id=0, score=0.5)
    found = [dict(box, bbox=[55, 55, 9, 9], score=0.9), dict(box, bbox=[0, 0, 10, 10])]
    assert evaluate_boxes(annotations, found, [0]).ap() == pytest.approx(1)


@pytest.mark.parametrize('backend', ['faster', 'pycocotools'])
@pytest.mark.parametrize('first', [0, 1, 'a0'])
def test_ids_of_true_boxes_do_not_matter(first, backend):
    """Both libraries take a box of id 0 for none; nor need a file say `area` and `iscrowd`."""
    annotations = truth([(i, 0, [0, 0, 10, 10], 0) for i in range(3)], images=3, classes=1)
    for number, box in enumerate(annotations['annotations']):
        box['id'] = f'a{number}' if first == 'a0' else first + number
        del box['area'], box['iscrowd']
    before = copy.deepcopy(annotations)
    box = dict(category_id=0, bbox=[0, 0, 10, 10], score=0.9)
    found = [dict(box, image_id=image) for image in range(3)]
    assert evaluate_boxes(annotations, found, [0], backend=backend).ap() == pytest.approx(1)
    assert annotations == before


@pytest.mark.parametrize('backend', ['faster', 'pycocotools'])
def test_ids_may_be_texts(backend):
    """The same figures whatever ids images and categories have; ids that only sort otherwise, too."""
    annotations, detections = random_case(3)
    class_ids = [category['id'] for category in annotations['categories']]

    def named(boxes):
        return [
            {**b, 'image_id': f'i{b["image_id"]}', 'category_id': f'c{b["category_id"]}'}
            for b in boxes
        ]

    texts = dict(
        images=[{**image, 'id': f'i{image["id"]}'} for image in annotations['images']],
        annotations=named(annotations['annotations']),
        categories=[{**c, 'id': f'c{c["id"]}'} for c in annotations['categories']],
    )
    expected = evaluate_boxes(annotations, detections, class_ids, backend=backend).precision
    found = evaluate_boxes(texts, named(detections), [f'c{i}' for i in class_ids], backend=backend)
    np.testing.assert_array_equal(found.precision, expected)


def test_detections_of_other_images_are_refused():
    annotations, detections = random_case(3)
    strange = [{**detections[0], 'image_id': 999}]
    with pytest.raises(
        ValueError, match='1 images that the annotation file does not have, such as 999'
    ):
        evaluate_boxes(annotations, strange, [c['id'] for c in annotations['categories']])


def test_a_json_of_images_alone_is_enough_to_write_predictions(tmp_path):
    annotations = truth([(0, 0, [0, 0, 10, 10], 0)], classes=1)
    del annotations['annotations']
    path = tmp_path / 'images.json'
    path.write_text(json.dumps(annotations))
    prefix = str(tmp_path / 'found')
    metric = CocoBoxMetric(ann_file=str(path), format_only=True, outfile_prefix=prefix)
    metric.dataset_meta = dict(classes=['class0'])
    metric.process({}, [prediction(0, [0, 0, 10, 10], 0)])
    metric.evaluate(1)
    (box,) = json.loads((tmp_path / 'found.bbox.json').read_text())
    assert (box['image_id'], box['bbox']) == (0, [0, 0, 10, 10])


def test_a_json_of_images_alone_is_refused_where_figures_are_asked_for(tmp_path):
    path = tmp_path / 'images.json'
    path.write_text(json.dumps(dict(images=[], categories=[])))
    evaluator = dict(type='CocoBoxMetric', ann_file=str(path))
    (problem,) = truth_problems(dict(test_evaluator=evaluator))
    assert 'without boxes' in problem.what and 'format_only=True' in problem.fix
    assert not [*truth_problems(dict(test_evaluator=[{**evaluator, 'format_only': True}]))]
    path.write_text(json.dumps(dict(images=[], categories=[], annotations=[])))
    assert not [*truth_problems(dict(test_evaluator=evaluator))]


def test_unknown_backend():
    with pytest.raises(ValueError, match="got 'matlab'"):
        evaluate_boxes(truth([]), [], [0], backend='matlab')


def test_rarest():
    assert rarest([5, 1, 9, 1], 2) == [1, 3]
    assert rarest([5, 1], 0) == []


def metric_with(tmp_path, classes=('class0', 'class1'), **arguments):
    annotations = truth(
        [(0, 0, [0, 0, 10, 10], 0), (0, 0, [50, 50, 9, 9], 0), (1, 1, [5, 5, 20, 20], 0)]
    )
    path = tmp_path / 'val.json'
    path.write_text(json.dumps(annotations))
    metric = CocoBoxMetric(ann_file=str(path), train_ann_file=str(path), **arguments)
    metric.dataset_meta = dict(classes=classes)
    return metric


def prediction(image, box, label, score=0.9):
    instances = InstanceData(
        bboxes=torch.tensor([box], dtype=torch.float),
        scores=torch.tensor([score]),
        labels=torch.tensor([label]),
    )
    return dict(img_id=image, ori_shape=(100, 100), pred_instances=dict(instances.items()))


def test_metric_reports_rare_classes(tmp_path):
    metric = metric_with(tmp_path, num_rare=1)
    found = [prediction(0, [0, 0, 10, 10], 0), prediction(1, [5, 5, 25, 25], 1)]
    metric.process({}, found)
    figures = metric.evaluate(2)
    assert figures['coco/bbox_mAP_rare'] == pytest.approx(1)  # class1, found
    assert figures['coco/bbox_mAP_frequent'] == pytest.approx(  # the other class
        2 * figures['coco/bbox_mAP'] - 1
    )
    assert 0 < figures['coco/bbox_mAP'] < 1  # one of class0's two boxes is missing


def test_metric_agrees_with_mmdets(tmp_path):
    annotations, detections = random_case(0)
    path = tmp_path / 'val.json'
    path.write_text(json.dumps(annotations))
    samples = [
        dict(
            img_id=image['id'],
            ori_shape=(100, 100),
            pred_instances=dict(
                bboxes=torch.tensor(
                    [[x, y, x + w, y + h] for x, y, w, h in (d['bbox'] for d in found)]
                ),
                scores=torch.tensor([d['score'] for d in found]),
                labels=torch.tensor([d['category_id'] // 10 for d in found]),
            ),
        )
        for image in annotations['images']
        for found in [[d for d in detections if d['image_id'] == image['id']]]
    ]
    figures = []
    for kind in (CocoBoxMetric, CocoMetric):
        metric = kind(ann_file=str(path), metric='bbox')
        metric.dataset_meta = dict(classes=[f'class{c}' for c in range(4)])
        metric.process({}, samples)
        figures.append(metric.evaluate(len(samples)))
    ours, theirs = figures
    assert 0 < ours['coco/bbox_mAP'] < 1
    assert len(ours) == 6
    for name, value in ours.items():  # mmdet rounds to three digits
        assert value == pytest.approx(theirs[name], abs=0.00051), name


@pytest.mark.parametrize('more', [{}, dict(metric_items=['mAP'])])
def test_metric_with_ids_from_zero(more, tmp_path):
    """With our evaluation, and with mmdet's, which does what ours does not know."""
    annotations = truth([(0, 0, [0, 0, 10, 10], 0), (1, 0, [5, 5, 20, 20], 0)], classes=1)
    for number, box in enumerate(annotations['annotations']):
        box['id'] = number
    path = tmp_path / 'val.json'
    path.write_text(json.dumps(annotations))
    metric = CocoBoxMetric(ann_file=str(path), **more)
    metric.dataset_meta = dict(classes=['class0'])
    metric.process({}, [prediction(0, [0, 0, 10, 10], 0), prediction(1, [5, 5, 25, 25], 0)])
    assert metric.evaluate(2)['coco/bbox_mAP'] == pytest.approx(1)


def test_metric_names_missing_classes(tmp_path):
    metric = metric_with(tmp_path, classes=('class0', 'dog'))
    metric.process({}, [prediction(0, [0, 0, 10, 10], 0)])
    with pytest.raises(ValueError, match=r"\['dog'\].*'class0'"):
        metric.evaluate(1)


def test_rare_classes_need_a_training_set(tmp_path):
    with pytest.raises(ValueError, match='needs train_ann_file'):
        CocoBoxMetric(num_rare=3)
