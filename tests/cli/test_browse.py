"""Views are drawn with the boxes that belong to them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mmssod.cli import main
from mmssod.own_data.browsing import by_path, choose, side_of

FLIP = np.array([[-1.0, 0, 64], [0, 1, 0], [0, 0, 1]])


def view(boxes=(), matrix=FLIP):
    sample = DetDataSample(metainfo=dict(homography_matrix=matrix, img_shape=(48, 64)))
    corners = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    sample.gt_instances = InstanceData(
        bboxes=corners, labels=torch.zeros(len(boxes), dtype=torch.long)
    )
    return sample


def test_known_boxes_follow_the_homography():
    known = [
        dict(bbox=[4, 6, 10, 20], name='cat', score=0.5, cls_certainty=0.9, loc_certainty=0.6),
        dict(bbox=[70, 6, 10, 20], name='cat'),  # outside: not shown
    ]
    side = side_of(view(), ['cat'], known)
    np.testing.assert_allclose(side.boxes, [[50, 6, 60, 26]])
    assert side.tags == ('cat p 0.90 v 0.60',)
    assert side_of(view(), ['cat'], []).boxes.shape == (0, 4)


def test_true_boxes_come_first():
    side = side_of(view([[1, 2, 3, 4]]), ['cat'], [dict(bbox=[4, 6, 10, 20], name='dog')])
    assert side.tags == ('cat',) and side.boxes.tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize(('length', 'number', 'expected'), [(0, 3, 0), (1, 3, 1), (9, 3, 3)])
def test_choice(length, number, expected):
    chosen = choose(length, number, seed=1)
    assert len(set(chosen)) == expected and chosen == choose(length, number, seed=1)


def test_boxes_are_found_by_the_end_of_a_path():
    coco = dict(
        images=[dict(id=1, file_name='a/b.png')],
        categories=[dict(id=7, name='cat')],
        annotations=[dict(image_id=1, category_id=7, bbox=[0, 0, 1, 1])],
    )
    found = by_path(coco, ['/data/a/b.png', '/data/c/b.png'])
    assert [len(boxes) for boxes in found.values()] == [1, 0]


@pytest.mark.parametrize('source', ['--checkpoint', '--boxes'])
def test_pictures_of_each_source(source, run_folder, tmp_path, capsys):
    labels = tmp_path / 'labels.json'
    box = dict(id=1, image_id=0, category_id=1, bbox=[4, 5, 30, 20], area=600, iscrowd=0)
    content = json.loads((run_folder / 'labeled.json').read_text()) | dict(annotations=[box])
    labels.write_text(json.dumps(content))
    value = run_folder / 'iter_1.pth' if source == '--checkpoint' else labels
    options = ['--number', '2', '--out', str(tmp_path / 'views'), source, str(value)]
    assert main(['browse', f'{run_folder}/config.py', *options]) == 0
    files = sorted(path.name for path in Path(tmp_path / 'views').iterdir())
    assert len(files) == 4 and sum(name.startswith('unlabeled_') for name in files) == 2
    shapes = {name: cv2.imread(str(tmp_path / 'views' / name)).shape for name in files}
    # Two views side by side, one of a labeled image.
    assert all(
        (shape[1] > 1.5 * shape[0]) == name.startswith('unlabeled')
        for name, shape in shapes.items()
    )
    assert '4 pictures' in capsys.readouterr().out
