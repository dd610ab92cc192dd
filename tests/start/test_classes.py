"""Names of classes, where classes lie in a weight, and weights that are worked out by hand."""

import pytest
import torch

from mmssod.start.classes import ClassAxis, class_axis, matches, same_name, transfer


@pytest.mark.parametrize(
    ('one', 'other'),
    [
        ('Person', 'person'),
        ('traffic_light', 'traffic light'),
        ('Traffic-Light', 'traffic light'),
        ('tvmonitor', 'tv'),
        ('TV Monitor', 'tv'),
        ('aeroplane', 'airplane'),
        ('motorbike', 'motorcycle'),
        ('diningtable', 'dining table'),
        ('pottedplant', 'potted plant'),
        ('sofa', 'couch'),
        ('straße', 'STRASSE'),
    ],
)
def test_names_that_are_equal(one, other):
    assert same_name(one) == same_name(other)


def test_names_that_are_not():
    names = ['cat', 'cats', 'car', 'bus', 'potted', 'plant', 'table', '']
    assert len({same_name(name) for name in names}) == len(names)


def test_all_of_vocs_classes_are_in_coco():
    from mmdet.datasets import CocoDataset, VOCDataset

    coco, voc = (kind.METAINFO['classes'] for kind in (CocoDataset, VOCDataset))
    pairs = matches(coco, voc)
    assert [our for _, our in pairs] == list(range(20))
    assert [coco[their] for their, our in pairs if voc[our] in ('sofa', 'cow')] == ['cow', 'couch']


@pytest.mark.parametrize(
    ('theirs', 'ours', 'pairs'),
    [
        ((), ('a',), []),
        (('a',), (), []),
        (('a', 'b'), ('B', 'c'), [(1, 0)]),
        (('a', 'A', 'b'), ('b', 'a'), [(2, 0), (0, 1)]),  # of two of one name the first
        (('a',), ('a', 'A'), [(0, 0), (0, 1)]),  # two of ours have its weights
    ],
)
def test_matches(theirs, ours, pairs):
    assert matches(theirs, ours) == pairs


@pytest.mark.parametrize(
    ('shape', 'count', 'other', 'other_count', 'axis'),
    [
        ((80,), 80, (3,), 3, ClassAxis(0, 1, 0)),
        ((81, 1024), 80, (4, 1024), 3, ClassAxis(0, 1, 1)),
        ((320, 1024), 80, (12, 1024), 3, ClassAxis(0, 4, 0)),
        ((720, 256, 3, 3), 80, (27, 256, 3, 3), 3, ClassAxis(0, 9, 0)),
        ((486, 256, 3, 3), 80, (24, 256, 3, 3), 3, ClassAxis(0, 6, 1)),
        ((255, 64, 1, 1), 80, (24, 64, 1, 1), 3, ClassAxis(0, 3, 5)),
        ((16, 80), 80, (16, 3), 3, ClassAxis(1, 1, 0)),
        ((3,), 3, (80,), 80, ClassAxis(0, 1, 0)),
        ((82,), 80, (5,), 3, ClassAxis(0, 1, 2)),  # seesaw loss: two numbers for "an object at all"
        ((80,), 80, (80,), 3, None),  # does not differ
        ((80, 80), 80, (3, 3), 3, None),  # in two axes
        ((80, 1), 80, (3,), 3, None),
        ((64,), 80, (128,), 3, None),  # another width
        ((256,), 80, (128,), 3, None),
        ((90,), 80, (13,), 3, None),  # ten numbers of no class
        ((80,), 3, (3,), 3, None),  # as many classes
    ],
)
def test_where_the_classes_lie(shape, count, other, other_count, axis):
    found = class_axis(shape, count, other, other_count)
    assert found == axis == class_axis(other, other_count, shape, count)
    if axis:  # the law of the docstring
        assert shape[axis.axis] == axis.groups * (count + axis.extra)


def filled(theirs, ours, axis, pairs, counts, convolution=False):
    return transfer(
        torch.tensor(theirs), torch.tensor(ours), axis, pairs, counts, convolution
    ).tolist()


def test_a_sigmoid_head_by_hand():
    """Checkpoint: cat 1, dog 2, eel 3; ours: eel, fox."""
    assert filled([1.0, 2, 3], [10.0, 20], ClassAxis(0, 1, 0), [(2, 0)], (3, 2)) == [3, 20]


def test_a_softmax_head_by_hand():
    """The background, last, comes along with a class, and not without one."""
    axis = ClassAxis(0, 1, 1)
    assert filled([1.0, 2, 9], [10.0, 20, 30, 40], axis, [(1, 0)], (2, 3)) == [2, 20, 30, 9]
    assert filled([1.0, 2, 9], [10.0, 20, 30, 40], axis, [], (2, 3)) == [10, 20, 30, 40]


def test_anchors_by_hand():
    """Two anchors of two classes each: the first anchor's classes, then the second's."""
    axis, theirs, ours = ClassAxis(0, 2, 0), [1.0, 2, 11, 12], [50.0, 60, 70, 51, 61, 71]
    assert filled(theirs, ours, axis, [(1, 2)], (2, 3), True) == [50, 60, 2, 51, 61, 12]


def test_anchors_with_a_background_by_hand():
    axis, theirs, ours = ClassAxis(0, 2, 1), [1.0, 9, 11, 19], [50.0, 60, 70, 51, 61, 71]
    assert filled(theirs, ours, axis, [(0, 1)], (1, 2), True) == [50, 1, 9, 51, 11, 19]


def test_boxes_by_class_by_hand():
    """Two numbers for each class, side by side: those of the first class, then those of the second."""
    axis, theirs, ours = ClassAxis(0, 2, 0), [1.0, 2, 11, 12], [50.0, 51, 60, 61, 70, 71]
    assert filled(theirs, ours, axis, [(1, 2)], (2, 3)) == [50, 51, 60, 61, 11, 12]


def test_yolov3_by_hand():
    """Box and objectness stand before the classes, and are taken without a class, too."""
    axis = ClassAxis(0, 2, 5)
    theirs = [*range(5), 6.0, *range(10, 15), 16.0]
    ours = [-1.0] * 14
    new = filled(theirs, ours, axis, [(0, 1)], (1, 2), True)
    assert new == [0, 1, 2, 3, 4, -1, 6, 10, 11, 12, 13, 14, -1, 16]
    new = filled(theirs, ours, axis, [], (1, 2), True)
    assert new == [0, 1, 2, 3, 4, -1, -1, 10, 11, 12, 13, 14, -1, -1]


def test_another_axis_and_other_types():
    """The rows are taken in the model's type; what is given stays as it is."""
    theirs = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float16)
    ours = torch.zeros(1, 2)
    new = transfer(theirs, ours, ClassAxis(1, 1, 0), [(2, 0), (0, 1)], (3, 2), False)
    assert new.tolist() == [[3, 1]] and new.dtype == torch.float32
    assert ours.tolist() == [[0, 0]] and theirs.tolist() == [[1, 2, 3]]


@pytest.mark.parametrize('convolution', [True, False])
@pytest.mark.parametrize('groups', [1, 3])
@pytest.mark.parametrize('extra', [0, 1, 5])
def test_there_and_back_is_the_identity(groups, extra, convolution):
    """Law: permuted by names and permuted back is the weight itself."""
    theirs = torch.randn(groups * (4 + extra), 2)
    order = [2, 0, 3, 1]
    there = [(old, new) for new, old in enumerate(order)]
    back = [(new, old) for old, new in there]
    axis = ClassAxis(0, groups, extra)
    moved = transfer(theirs, torch.zeros_like(theirs), axis, there, (4, 4), convolution)
    assert not torch.equal(moved, theirs)
    again = transfer(moved, torch.zeros_like(theirs), axis, back, (4, 4), convolution)
    assert torch.equal(again, theirs)
