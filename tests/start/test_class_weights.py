"""Classes keep the class weights of the checkpoint by name, whatever their place, in every kind of head."""

from functools import partial

import pytest
import torch
from builders.tiny_starts import KINDS, build, class_answers, started
from mmdet.datasets import CocoDataset

from mmssod.start import fit_start, start_lines, twin_shapes
from mmssod.tiny_detectors import tiny_detector, tiny_semi

COCO = tuple(CocoDataset.METAINFO['classes'])
EIGHT = COCO[:8]  # as many as divide the channels of the tiny detectors
kinds = pytest.mark.parametrize('kind', KINDS)


def by_name(answers, classes, names):
    """The answers for some classes, in the order of the names."""
    places = [classes.index(name) for name in names]
    return [answer[:, places] for answer in answers]


def assert_same_answers(teacher, model, theirs, ours, names):
    """Both answer alike for these classes, and their answers differ from class to class."""
    expected = by_name(class_answers(teacher, len(theirs)), theirs, names)
    actual = by_name(class_answers(model, len(ours)), ours, names)
    for one, other in zip(expected, actual, strict=True):
        # Products of other sizes are summed in another order.
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
        assert (one.flatten(2).std(dim=1) > 0).all() or len(names) == 1


@kinds
def test_permuted_names_give_equal_answers_by_name(kind):
    """As many classes in another order: sizes do not say which layers are of classes."""
    ours = (*EIGHT[3:], *EIGHT[:3])
    teacher, model, _, fit = started(kind, EIGHT, ours)
    assert_same_answers(teacher, model, EIGHT, ours, EIGHT)
    assert fit.kept == list(ours) and not fit.new and not fit.unsorted
    assert not fit.misfits.missing and not fit.misfits.other_shape and not fit.unused


@kinds
def test_the_same_order_is_a_plain_load(kind):
    teacher, model, _, fit = started(kind, EIGHT, EIGHT)
    assert all(torch.equal(v, model.state_dict()[n]) for n, v in teacher.state_dict().items())
    assert not fit.layers and not fit.new and not fit.unsorted


@pytest.mark.parametrize('kind', ['yolox', 'retinanet', 'faster_rcnn', 'detr'])
@pytest.mark.parametrize('ours', [('bus',), ('car', 'crab', 'person', 'bus', 'eel')], ids=len)
def test_classes_among_others_keep_their_answers(kind, ours):
    """Another number of classes. (DINO's queries are those of the surest class, so they depend on all of them.)"""
    teacher, model, _, fit = started(kind, EIGHT, ours)
    shared = [name for name in ours if name in EIGHT]
    assert_same_answers(teacher, model, EIGHT, ours, shared)
    assert fit.kept == shared and fit.new == [name for name in ours if name not in EIGHT]


@kinds
def test_new_classes_begin_as_the_model_initialized_them(kind):
    _, model, before, fit = started(kind, EIGHT, ('eel', 'crab', 'ray'))
    now = model.state_dict()
    assert fit.layers and not fit.kept
    assert all(torch.equal(now[name], before[name]) for name in fit.layers)  # with the background
    others = [n for n, v in now.items() if n not in fit.layers and v.is_floating_point()]
    assert sum(not torch.equal(now[name], before[name]) for name in others) > 20
    assert not fit.misfits.other_shape


@kinds
def test_as_many_classes_of_other_names_are_all_new(kind):
    ours = tuple('abcdefgh')
    _, model, before, fit = started(kind, EIGHT, ours)
    assert fit.layers and fit.new == list(ours)
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in fit.layers)


@kinds
def test_only_class_layers_are_class_layers(kind):
    """Layers whose channels are a multiple of the classes are not among them."""
    *_, fit = started(kind, EIGHT, EIGHT[::-1])
    words = dict(
        yolox=['multi_level_conv_cls'],
        retinanet=['retina_cls'],
        faster_rcnn=['fc_cls', 'fc_reg'],
        dino=['cls_branches', 'label_embedding'],
        detr=['fc_cls'],
    )
    assert {word for name in fit.layers for word in name.split('.')} & {*words[kind]} == {
        *words[kind]
    }
    assert all(any(word in name for word in words[kind]) for name in fit.layers)


def test_coco_is_known_by_its_number_of_classes():
    """A checkpoint that does not say its classes and has 80."""
    teacher, model, _, fit = started('yolox', COCO, ('zebra', 'eel', 'cat'), told=False)
    assert fit.trained_on == COCO and fit.kept == ['zebra', 'cat']
    assert_same_answers(teacher, model, COCO, ('zebra', 'eel', 'cat'), ('zebra', 'cat'))


def test_eighty_of_cocos_names_without_a_word_from_the_checkpoint():
    ours = COCO[::-1]
    teacher, model, _, fit = started('yolox', COCO, ours, told=False)
    assert_same_answers(teacher, model, COCO, ours, COCO)
    assert fit.kept == list(ours)


def test_unknown_classes_of_another_number_are_new():
    *_, fit = started('faster_rcnn', EIGHT, ('cat', 'eel', 'ray'), told=False)
    assert fit.new == ['cat', 'eel', 'ray'] and not fit.trained_on and not fit.misfits.other_shape


@kinds
def test_random_numbers_go_on_as_without_the_start(kind):
    """The twin that is built to find class layers draws numbers of its own."""
    drawn = []
    for ours in (EIGHT, EIGHT[::-1]):
        started(kind, EIGHT, ours)
        drawn.append(torch.rand(3))
    assert torch.equal(*drawn)


def test_three_lines_say_what_became_of_the_weights():
    *_, fit = started('faster_rcnn', EIGHT, ('eel', 'Bus', 'ray', 'person'))
    first, second, third = start_lines(fit, 'a.pth')
    total = len(fit.places)
    assert first == (
        f'start from a.pth: {total} of {total} weights fit, class weights by name for 2 of 4 classes (Bus, person)'
    )
    assert second == (
        "start, left out: 6 of the checkpoint's classes (bicycle, car, motorcycle, airplane, ...)"
    )
    assert third == 'start, new: 2 classes (eel, ray)'
    *_, fit = started('faster_rcnn', EIGHT, EIGHT)
    assert [line.split(': ', 1)[1] for line in start_lines(fit, 'a.pth')[1:]] == [
        'nothing',
        'nothing',
    ]


def test_three_lines_without_a_name_in_common():
    *_, fit = started('yolox', EIGHT, ('eel',))
    lines = start_lines(fit, 'a.pth')
    total = len(fit.places)
    assert (
        f'{total - 6} of {total} weights fit, class weights by name for 0 of 1 classes' in lines[0]
    )
    assert '6 class layers (bbox_head.multi_level_conv_cls.0.weight' in lines[1]
    assert lines[2] == 'start, new: 1 class (eel)'


@pytest.mark.parametrize('labeler', ['FrozenTeacher', 'EMATeacher'])
@pytest.mark.parametrize('theirs', [('ray', 'eel', 'cod'), ('eel', 'cat')], ids=len)
def test_student_and_teacher_start_alike_with_their_new_classes(labeler, theirs):
    """Before any hook: both have one draw of the new classes, as many classes as the checkpoint's or others."""
    ours = ('cat', 'eel', 'dog')
    weights = build(tiny_detector(num_classes=len(theirs)), seed=0).state_dict()
    config = tiny_semi(labeler=labeler)
    model = build(config, seed=1)
    checkpoint = dict(state_dict=weights, meta=dict(CLASSES=theirs))
    fit = fit_start(model, checkpoint, ours, partial(twin_shapes, config))
    assert len(fit.layers) == 4 and 'dog' in fit.new  # two of each network
    student = model.student.state_dict()
    assert all(torch.equal(v, student[n]) for n, v in model.labeler.teacher.state_dict().items())
