"""The json of a bank is read by pycocotools and says the same as the bank."""

import json

import numpy as np
import pytest
from banks import CLASSES, boxes, image, written
from pycocotools.coco import COCO

from mmssod.label_bank import write_coco

CATEGORIES = [dict(id=n, name=name) for n, name in zip((7, 9, 2), CLASSES, strict=True)]


def export(folder, found):
    made_of = written(folder, found)
    names = [(one.img_id, one.path) for one in found]
    return write_coco(folder, made_of, names, CATEGORIES, [7, 9, 2])


def test_other_tools_read_it(tmp_path):
    found = [image(0, 0, 0), image(1, 1, 2), image(2, 30, 0, img_id='a')]
    file = export(tmp_path, found)
    coco = COCO(str(file))
    assert [entry['id'] for entry in coco.dataset['images']] == [0, 1, 'a']
    assert coco.imgs['a'] == dict(id='a', file_name='images/2.jpg', height=48, width=64)
    assert [len(coco.imgToAnns[key]) for key in (0, 1, 'a')] == [0, 1, 30]
    assert sorted(coco.anns) == list(range(1, 32))
    assert coco.dataset['categories'] == CATEGORIES
    info = coco.dataset['info']
    assert (info['teacher_digest'], info['floor'], info['classes']) == (
        't' * 64,
        0.1,
        list(CLASSES),
    )


def test_boxes_are_in_pixels_of_the_original_image(tmp_path):
    """Half of those of the view, and mirrored boxes mirrored back."""
    plain = boxes((10, 20, 30, 60, 0.8, 0.5, 2))
    mirrored = boxes((128 - 30, 20, 128 - 10, 60, 0.9, 0.4, 1))
    file = export(
        tmp_path, [image(4, plain=1, mirrored=1)._replace(plain=plain, mirrored=mirrored)]
    )
    content = json.loads(file.read_text())
    (first,), (second,) = content['annotations'], content['mirrored_annotations']
    assert first['bbox'] == second['bbox'] == [5, 10, 10, 20]
    assert first['area'] == 200 and first['iscrowd'] == 0
    assert (first['category_id'], second['category_id']) == (2, 9)
    assert (first['cls_certainty'], first['loc_certainty']) == (0.8, 0.5)
    assert (first['score'], second['score']) == (pytest.approx(0.4), pytest.approx(0.36))
    assert (first['mirrored'], second['mirrored']) == (False, True)


def test_numbers_are_rounded_to_hundredths(tmp_path):
    rng = np.random.default_rng(0)
    found = image(0)._replace(
        plain=boxes(*[(*rng.uniform(0, 60, 2), *rng.uniform(60, 120, 2), 0.5, 0.5, 0)] * 9)
    )
    content = json.loads(export(tmp_path, [found]).read_text())
    for box, record in zip(content['annotations'], found.plain, strict=True):
        x, y, w, h = box['bbox']
        assert np.allclose([x, y, x + w, y + h], record['box'] / 2, atol=0.011)
        assert all(value == round(value, 2) for value in box['bbox'])
