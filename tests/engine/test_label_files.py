"""Offline labels as COCO json; empty, one, many."""

import cv2
import numpy as np
import pytest

from mmssod.apis.offline_labels import unlabeled_images, with_annotations

CATEGORIES = [dict(id=3, name='a'), dict(id=7, name='b')]


def folder(path, *names):
    for number, name in enumerate(names):
        assert cv2.imwrite(str(path / name), np.zeros((20 + number, 30, 3), np.uint8))
    return dict(type='UnlabeledDataset', images=str(path), pipeline=dict(load=dict(type='None')))


def test_images_of_a_folder(tmp_path):
    found = unlabeled_images(folder(tmp_path, 'b.png', 'a.png'), CATEGORIES)
    assert len({image.pop('id') for image in found['images']}) == 2  # made of the names
    assert found == dict(
        images=[
            dict(file_name=str(tmp_path / 'a.png'), width=30, height=21),
            dict(file_name=str(tmp_path / 'b.png'), width=30, height=20),
        ],
        annotations=[],
        categories=[dict(category, supercategory='none') for category in CATEGORIES],
    )


def test_an_image_without_a_size(tmp_path):
    source = folder(tmp_path, 'a.png')
    (tmp_path / 'b.png').write_text('no image')
    with pytest.raises(ValueError, match=r'b\.png: expected an image whose header tells its size'):
        unlabeled_images(source, CATEGORIES)


@pytest.mark.parametrize('number', [0, 1, 3])
def test_detections_become_annotations(number):
    images = dict(images=[dict(id=5)], annotations=[], categories=CATEGORIES)
    detections = [dict(image_id=5, category_id=7, bbox=[1.0, 2, 4, 5], score=0.5)] * number
    found = with_annotations(images, detections)
    assert images['annotations'] == []
    assert [box.pop('id') for box in found['annotations']] == list(range(1, number + 1))
    expected = dict(image_id=5, category_id=7, bbox=[1.0, 2, 4, 5], area=20.0, iscrowd=0, score=0.5)
    assert found['annotations'] == [expected] * number
