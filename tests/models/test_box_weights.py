"""Weights of single boxes in dense heads and DETRs."""

import copy
import itertools

import pytest
import torch
from builders.dense_detectors import HEADS, batch, dense_config, dense_detector
from mmdet.registry import MODELS

from mmssod.models.box_weights import BoxWeightMixin, take_box_weights
from mmssod.models.dense_certainty import with_certainty
from mmssod.tiny_detectors import tiny_batch, tiny_semi

WEIGHED = [name for name in HEADS if name != 'fcos']


def losses(detector, weights=None, boxes=(2, 0, 3)):
    """Sum of each loss by name; ``weights`` one a box of all images."""
    images, samples = batch(boxes)
    left = iter(weights) if weights is not None else None
    for sample in samples:
        count = len(sample.gt_instances)
        if left is not None:
            sample.gt_instances.weights = torch.tensor(list(itertools.islice(left, count)))
    torch.manual_seed(0)
    found = detector.train().loss(images, samples)
    sums = {n: torch.stack(v).sum() if isinstance(v, list) else v for n, v in found.items()}
    return {name: value for name, value in sums.items() if 'loss' in name}, sums


def weighed(name):
    return take_box_weights(with_certainty(dense_detector(name)))


def close(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize('name', WEIGHED)
def test_without_weights_and_at_1_losses_are_those_of_mmdet(name):
    plain = dense_detector(name)
    ours = take_box_weights(with_certainty(copy.deepcopy(plain)))
    assert ours.bbox_head.takes_box_weights
    assert ours.state_dict().keys() == plain.state_dict().keys()
    expected = losses(copy.deepcopy(plain))[0]
    close(losses(copy.deepcopy(ours))[0], expected)
    close(losses(copy.deepcopy(ours), [1.0] * 5)[0], expected)


@pytest.mark.parametrize('name', WEIGHED)
def test_losses_are_linear_in_the_weight_of_each_box(name):
    detector = weighed(name)
    none = losses(copy.deepcopy(detector), [0.0] * 5)[0]
    alone = []
    for box in range(5):
        weights = [0.0] * 5
        weights[box] = 1.0
        alone.append(losses(copy.deepcopy(detector), weights)[0])
    some = [0.5, 2.0, 1.0, 3.0, 0.0]
    mixed = losses(copy.deepcopy(detector), some)[0]
    for loss in mixed:
        parts = [w * (one[loss] - none[loss]) for w, one in zip(some, alone, strict=True)]
        expected = none[loss] + sum(parts)
        torch.testing.assert_close(mixed[loss], expected, rtol=1e-3, atol=1e-4, msg=loss)
    # Each box has its share of the loss of the class, and some of that of the location, where RTMDet weighs by IoU.
    for one in alone:
        assert any(abs(one[n] - none[n]) > 1e-6 for n in one if 'cls' in n)
    assert any(abs(one[n] - none[n]) > 1e-6 for one in alone for n in one if 'bbox' in n)


@pytest.mark.parametrize('name', WEIGHED)
def test_a_box_of_weight_0_gives_no_gradient_to_the_location(name):
    detector = weighed(name)
    found = losses(detector, [0.0] * 5)[0]
    of_places = [v for n, v in found.items() if 'bbox' in n or 'dfl' in n or 'iou' in n]
    total = sum(of_places)
    assert float(total) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize('name', WEIGHED)
def test_foreground_counts_of_equation_6(name):
    _, sums = losses(weighed(name))
    count, certainty = sums['fg_count'], sums['fg_certainty']
    assert count.shape == certainty.shape == (3,)
    assert (count > 0).all()  # boxes of classes 0, 1 and 0, 1, 2
    assert ((certainty > 0) & (certainty < count)).all()
    if name == 'dino':  # one query a box, of the last layer alone
        assert count.tolist() == [2, 2, 1]
    _, empty = losses(weighed(name), boxes=(0, 0))
    assert empty['fg_count'].tolist() == empty['fg_certainty'].tolist() == [0, 0, 0]


def test_certainty_of_the_foreground_by_hand():
    """YOLOX with equal logits everywhere: p is the class's score times objectness."""
    detector = weighed('yolox')
    head = detector.bbox_head
    with torch.no_grad():
        for cls, obj in zip(head.multi_level_conv_cls, head.multi_level_conv_obj, strict=True):
            cls.weight.zero_(), obj.weight.zero_()
            cls.bias.copy_(torch.tensor([0.0, 1.0, 2.0]))
            obj.bias.fill_(3.0)
    _, sums = losses(detector)
    p = torch.tensor([0.0, 1.0, 2.0]).sigmoid() * torch.tensor(3.0).sigmoid()
    torch.testing.assert_close(
        sums['fg_certainty'], (sums['fg_count'] * p).double(), rtol=1e-5, atol=0
    )


def test_a_step_without_a_pseudo_box_counts_the_labeled_foreground():
    config = tiny_semi(detector=dense_config('yolox'))
    config.balancer.update(threshold=1.0)
    model = MODELS.build(config).train()
    losses = model.loss(*tiny_batch())
    assert losses['pseudo_boxes'] == 0
    assert model.balancer.count.sum() > 0


def test_a_head_that_cannot_stays_as_it_is():
    detector = take_box_weights(with_certainty(dense_detector('fcos')))
    assert not isinstance(detector.bbox_head, BoxWeightMixin)
    assert not getattr(detector.bbox_head, 'takes_box_weights', False)


def test_a_copy_weighs_by_itself():
    detector = weighed('yolox')
    copied = copy.deepcopy(detector)
    assert copied.bbox_head.assigner is not detector.bbox_head.assigner
    close(losses(copied, [2.0] * 5)[0], losses(detector, [2.0] * 5)[0])
