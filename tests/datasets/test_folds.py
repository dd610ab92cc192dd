"""Folds for cross-validation: each image in one of them, classes in all of them where there are enough images."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmssod.datasets.folds import draw_folds, take_apart, thin_classes


def data_set(classes_on):
    """A COCO data set with an image for each entry, which names its classes."""
    boxes = [(image, name) for image, names in enumerate(classes_on) for name in names]
    return dict(
        images=[dict(id=i, file_name=f'{i}.png') for i in range(len(classes_on))],
        categories=[dict(id=name, name=f'class {name}') for name in range(4)],
        annotations=[
            dict(id=i, image_id=image, category_id=name, bbox=[0, 0, 9, 9])
            for i, (image, name) in enumerate(boxes)
        ],
    )


images = st.lists(st.sets(st.integers(0, 3)), min_size=2, max_size=40)


@given(images, st.data())
def test_each_image_is_in_exactly_one_fold(classes_on, data):
    coco = data_set(classes_on)
    number = data.draw(st.integers(2, len(classes_on)))
    folds = draw_folds(coco, number, data.draw(st.integers(0, 9)))
    assert len(folds) == number and all(folds)
    assert Counter(image for fold in folds for image in fold) == Counter(range(len(classes_on)))
    for fold, held_out in zip(take_apart(coco, folds), folds, strict=True):
        trained, judged = (
            {image['id'] for image in part['images']} for part in (fold.train, fold.held_out)
        )
        assert (
            judged == held_out and not trained & judged and len(trained | judged) == len(classes_on)
        )
        assert {box['image_id'] for box in fold.train['annotations']} <= trained
        boxes = [*fold.train['annotations'], *fold.held_out['annotations']]
        assert sorted(box['id'] for box in boxes) == [box['id'] for box in coco['annotations']]


@given(st.lists(st.integers(0, 3), min_size=2, max_size=40), st.data())
def test_a_class_in_enough_images_is_in_each_fold(classes, data):
    """Of images of one class each; and no fold has two images of a class more than another."""
    number = data.draw(st.integers(2, len(classes)))
    folds = draw_folds(data_set([{name} for name in classes]), number, data.draw(st.integers(0, 9)))
    for name in set(classes):
        there = [sum(classes[image] == name for image in fold) for fold in folds]
        assert max(there) - min(there) <= 1
        assert min(there) >= 1 or sum(there) < number


def test_rare_classes_are_spread_first():
    """Four images have the rare class and all have the other one: each of four folds gets one of them, and as many."""
    coco = data_set([{0, 1}] * 4 + [{1}] * 12)
    folds = draw_folds(coco, 4, 0)
    assert sorted(len(fold) for fold in folds) == [4] * 4
    assert all(len(fold & {0, 1, 2, 3}) == 1 for fold in folds)


def test_images_that_go_together_are_in_one_fold():
    coco = data_set([{0}] * 6)
    groups = [[0, 3], [1], [2], [4, 5]]
    for seed in range(5):
        folds = draw_folds(coco, 4, seed, groups)
        assert sorted(map(sorted, folds)) == [[0, 3], [1], [2], [4, 5]]


def test_crowds_make_no_class():
    coco = data_set([{0}] * 3 + [{1}])
    coco['annotations'][-1]['iscrowd'] = 1
    assert thin_classes(coco, 4) == {'class 0': 3} and thin_classes(coco, 3) == {}


def test_equal_seeds_draw_equal_folds():
    coco = data_set([{i % 3} for i in range(20)])
    assert draw_folds(coco, 5, 1) == draw_folds(coco, 5, 1) != draw_folds(coco, 5, 2)


@pytest.mark.parametrize(('number', 'groups'), [(0, ()), (1, ()), (4, ()), (3, [[0], [1, 2]])])
def test_too_few_or_too_many(number, groups):
    with pytest.raises(ValueError, match=r'folds: expected 2 to [23].*fix: '):
        draw_folds(data_set([{0}] * 3), number, 0, groups)
