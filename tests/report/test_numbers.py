"""Counts, precision and recall of pseudo labels, worked by hand; which pictures are chosen."""

import cv2
import numpy as np
import pytest
from builders.by_hand import CLASSES, data_set, detection

from mmssod.analysis.report.gallery import embed
from mmssod.analysis.report.numbers import pseudo_labels, rare_classes, score
from mmssod.analysis.report.page import counted, histograms
from mmssod.analysis.report.samples import (
    difference_items,
    label_items,
    sample_images,
    uncertainty,
    with_true_boxes,
    withheld_file,
)
from mmssod.evaluation import DetectorOutputs

BOX, OTHER = [10, 10, 20, 20], [60, 40, 20, 20]


def outputs(true=((0, 0, BOX), (0, 1, OTHER)), found=(), images=''):
    return DetectorOutputs(data_set(true), CLASSES, {'teacher': list(found)}, images)


FOUND = (
    detection(0, 0, BOX, p=0.9, v=0.9),  # right
    detection(0, 1, BOX, p=0.9, v=0.8),  # wrong place
    detection(1, 1, OTHER, p=0.6, v=0.6),  # 0.36: rejected
)


def test_kept_and_judged_by_class():
    labels = pseudo_labels(outputs(found=FOUND), 'teacher', 'p*v', [0.5, 0.5, 0.5], true=True)
    assert labels.kept == (1, 1, 0) and labels.withheld == (1, 1, 0) and labels.images == 2
    assert labels.precision == (100.0, 0.0, None)
    assert labels.recall == (100.0, 0.0, None)
    assert [sum(part) for part in labels.histograms['p*v']] == [1, 2]
    at = {step: (precision, recall) for step, precision, recall in labels.curve}
    assert at[0.5] == (50.0, 50.0) and at[0.95] == (None, 0.0)


def test_thresholds_are_the_classes_own():
    labels = pseudo_labels(outputs(found=FOUND), 'teacher', 'p*v', [0.9, 0.3, 0.5], true=False)
    assert labels.kept == (0, 2, 0)
    assert labels.precision is None and labels.curve == ()


def test_what_is_1_of_all_boxes_is_no_chart():
    found = [detection(0, 0, BOX, p=0.9, v=v) for v in (1.0, 1.0)]
    (alone,) = histograms(
        pseudo_labels(outputs(found=found), 'teacher', 'p', [0.5] * 3, true=False)
    )
    assert '>threshold<' in alone
    labels = pseudo_labels(outputs(found=FOUND), 'teacher', 'p', [0.5, 0.4, 0.4], true=False)
    assert len(histograms(labels)) == 2 and '>mean threshold<' in histograms(labels)[0]


def test_no_boxes_at_all():
    labels = pseudo_labels(outputs(), 'teacher', 'p', [0.5] * 3, true=True)
    assert labels.kept == (0, 0, 0) and labels.recall == (0.0, 0.0, None)
    assert score(outputs(), 'teacher', []).mean == 0.0


def test_scores_and_rare_classes():
    one = score(outputs(found=FOUND[:1]), 'teacher', rare=[1])
    assert one.classes[0] == pytest.approx(100) and one.classes[1] == 0 and one.classes[2] is None
    assert one.rare == 0 and one.mean == pytest.approx(50)
    assert rare_classes(data_set([(0, 0, BOX)] * 3 + [(0, 1, BOX)] * 2), CLASSES) == (
        [2],
        [3, 2, 0],
    )
    assert rare_classes(None, CLASSES) == ([], None)


def picture(folder, name='0.png', size=(100, 80)):
    assert cv2.imwrite(str(folder / name), np.full((size[1], size[0], 3), 70, np.uint8))


def test_pictures_of_pseudo_labels(tmp_path):
    picture(tmp_path)
    items = list(
        label_items(outputs(found=FOUND, images=str(tmp_path)), 'teacher', 'p*v', [0.5] * 3)
    )
    layers = [shape.layer for shape in items[0].panels[0].shapes]
    assert layers == ['truth', 'truth', 'kept', 'kept']
    assert items[0].caption == '0.png' and counted(items[0].panels[0]) == '2 found, 2 true'
    assert items[1].panels[0].shapes[0].layer == 'rejected'
    # Image 1: 0.36 of a threshold of 0.5, and without boxes nothing is uncertain.
    assert items[1].uncertainty == pytest.approx(1 - 0.14 / 0.5)
    assert (
        uncertainty(np.zeros(0), np.zeros(0)) == 0
        and uncertainty(np.array([0.3, 0.9]), np.array([0.9, 0.9])) == 1
    )
    shown = embed(items[:1], 10**6)
    assert (shown[0].width, shown[0].height) == (100, 80)
    assert shown[0].source.startswith('data:image/jpeg;base64,')
    assert embed(items[:1], 10) == []  # no room


def test_the_most_different_picture_comes_first(tmp_path):
    two = DetectorOutputs(
        data_set([(0, 0, BOX)]),
        CLASSES,
        dict(a=[detection(1, 0, BOX)], b=[detection(0, 0, BOX), detection(0, 1, OTHER)]),
        str(tmp_path),
    )
    items = list(difference_items(two))
    assert [item.caption.split(':')[0] for item in items] == ['0.png', '1.png']
    assert [panel.title for panel in items[0].panels] == ['a', 'b']


def test_true_boxes_come_from_another_file():
    ours = data_set([])
    ours['images'] = [dict(id=5, file_name='/data/x/0.png'), dict(id=6, file_name='/data/x/9.png')]
    theirs = data_set([(0, 1, BOX)])
    theirs['categories'] = [dict(c, id=c['id'] + 1) for c in theirs['categories']]
    theirs['annotations'][0]['category_id'] += 1
    both = with_true_boxes(ours, theirs)
    assert [image['id'] for image in both['images']] == [5]
    assert both['annotations'][0]['image_id'] == 5 and both['annotations'][0]['category_id'] == 20
    theirs['images'] = [dict(id=0, file_name='other.png')]
    with pytest.raises(ValueError, match='none of its 1 names'):
        with_true_boxes(ours, theirs)


@pytest.mark.parametrize(('number', 'expected'), [(0, 0), (1, 1), (9, 2)])
def test_samples(number, expected):
    kept = sample_images(data_set([(0, 0, BOX), (1, 0, BOX)]), number)
    assert len(kept['images']) == len(kept['annotations']) == expected


def test_withheld_files_are_found_beside_the_images(tmp_path):
    assert withheld_file(str(tmp_path / 'unlabeled/')) == ''
    (tmp_path / 'unlabeled-withheld.json').touch()
    (tmp_path / 'a-boxes.json').touch()
    assert withheld_file(f'{tmp_path}/unlabeled/').endswith('unlabeled-withheld.json')
    assert withheld_file(f'{tmp_path}/a.json').endswith('a-boxes.json')
