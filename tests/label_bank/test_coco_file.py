"""The json of a bank is read by pycocotools and says the same as the bank."""

import json
import os

import numpy as np
import pytest
from builders.banks import CLASSES, boxes, image, written
from pycocotools.coco import COCO

from mmssod.label_bank import coco, write_coco

CATEGORIES = [dict(id=n, name=name) for n, name in zip((7, 9, 2), CLASSES, strict=True)]


def export(folder, found):
    made_of = written(folder, found)
    names = [(one.img_id, one.path) for one in found]
    return write_coco(folder, made_of, names, CATEGORIES, [7, 9, 2])


def test_other_tools_read_it(tmp_path):
    found = [image(0, 0, 0), image(1, 1, 2), image(2, 30, 0, img_id='a')]
    file = export(tmp_path, found)
    read = COCO(str(file))
    assert [entry['id'] for entry in read.dataset['images']] == [0, 1, 'a']
    assert read.imgs['a'] == dict(id='a', file_name='images/2.jpg', height=48, width=64)
    assert [len(read.imgToAnns[key]) for key in (0, 1, 'a')] == [0, 1, 30]
    assert sorted(read.anns) == list(range(1, 32))
    named = [{**category, 'supercategory': 'none'} for category in CATEGORIES]
    assert read.dataset['categories'] == named
    info = read.dataset['info']
    assert (info['teacher_digest'], info['floor'], info['classes']) == (
        't' * 64,
        0.1,
        list(CLASSES),
    )


def test_an_unreadable_image_is_there_without_boxes(tmp_path, recwarn):
    found = [image(0, 1, 1), image(1, 0, 0, size=(0, 0), view=(0, 0))]
    content = json.loads(export(tmp_path, found).read_text())
    assert content['images'][1] == dict(id=1, file_name='images/1.jpg', height=0, width=0)
    assert [box['image_id'] for box in content['annotations']] == [0]
    assert not [warning for warning in recwarn if warning.category is RuntimeWarning]


def test_two_processes_do_not_write_into_one_file(tmp_path, monkeypatch):
    """Where nothing locks the bank: the second begins, and ends, while the first writes."""
    made_of = written(tmp_path, [image(0), image(1)])
    args = tmp_path, made_of, [(0, '0.jpg'), (1, '1.jpg')], CATEGORIES, [7, 9, 2]
    pid = os.getpid()
    write_list = coco.write_list

    def slow(stream, key, entries):
        write_list(stream, key, entries)
        if key == 'images' and os.getpid() == pid:
            assert os.waitstatus_to_exitcode(os.waitpid(child(), 0)[1]) == 0

    def child():
        number = os.fork()
        if not number:
            write_coco(*args)
            os._exit(0)
        return number

    monkeypatch.setattr(coco, 'write_list', slow)
    file = write_coco(*args)
    assert len(json.loads(file.read_text())['annotations']) == 4
    assert not list(tmp_path.glob('*.part'))


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
