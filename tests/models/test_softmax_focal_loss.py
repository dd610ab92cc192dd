"""The focal loss by hand, at its limits, and inside mmdet's box heads."""

import math

import pytest
import torch
import torch.nn.functional as F
from mmdet.registry import MODELS

from mmssod.methods.unbiased_teacher import SoftmaxFocalLoss, softmax_focal_loss
from mmssod.tiny_detectors import tiny_detector


def logits(*probabilities):
    return torch.tensor(probabilities, dtype=torch.float64).log()


def random_scores(number=7, classes=4):
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(classes, (number,), generator=generator)
    return torch.randn(number, classes, generator=generator), labels


def test_by_hand():
    scores = logits([0.25, 0.75], [0.9, 0.1])
    found = softmax_focal_loss(scores, torch.tensor([0, 0]), gamma=1.5)
    # 0.75 ^ 1.5 = 0.649519, -ln 0.25 = 1.386294; 0.1 ^ 1.5 = 0.031623, -ln 0.9 = 0.105361.
    torch.testing.assert_close(
        found, torch.tensor([0.900424, 0.003332]).double(), rtol=0, atol=1e-6
    )
    assert SoftmaxFocalLoss()(scores, torch.tensor([0, 0])).item() == pytest.approx(0.451878)


def test_gamma_zero_is_cross_entropy():
    scores, labels = random_scores()
    found = SoftmaxFocalLoss(gamma=0.0)(scores, labels)
    torch.testing.assert_close(found, F.cross_entropy(scores, labels))


@pytest.mark.parametrize('number', [0, 1, 5])
def test_weights_and_average_are_those_of_mmdets_cross_entropy(number):
    scores, labels = random_scores(number)
    weights = torch.linspace(0, 2, number)
    theirs = MODELS.build(dict(type='CrossEntropyLoss', loss_weight=3.0))
    ours = SoftmaxFocalLoss(gamma=0.0, loss_weight=3.0)
    for reduction in ('none', 'mean'):
        arguments = dict(weight=weights, avg_factor=10.0, reduction_override=reduction)
        torch.testing.assert_close(
            ours(scores, labels, **arguments), theirs(scores, labels, **arguments)
        )


def test_an_easy_roi_counts_less_and_the_order_stays():
    probabilities = torch.linspace(0.05, 0.95, 10).double()
    scores = torch.stack([probabilities, 1 - probabilities], dim=1).log()
    labels = torch.zeros(10, dtype=torch.long)
    focal = softmax_focal_loss(scores, labels, gamma=1.5)
    share = focal / F.cross_entropy(scores, labels, reduction='none')
    assert (focal.diff() < 0).all() and (share.diff() < 0).all()


@pytest.mark.parametrize('gamma', [0.0, 1.0, 1.5, 5.0])
def test_gradients_are_right_and_finite_where_all_is_sure(gamma):
    scores, labels = random_scores()
    scores = scores.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda s: softmax_focal_loss(s, labels, gamma), scores)
    sure = torch.tensor([[200.0, 0.0], [0.0, 200.0]], requires_grad=True)
    loss = softmax_focal_loss(sure, torch.tensor([0, 0]), gamma)
    assert loss.tolist() == [0.0, pytest.approx(200.0)]
    loss.sum().backward()
    assert torch.isfinite(sure.grad).all()


def test_half_precision_is_computed_in_single():
    scores, labels = random_scores()
    half = softmax_focal_loss(scores.half(), labels, 1.5)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, softmax_focal_loss(scores, labels, 1.5), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize('wrong', [dict(gamma=-1), dict(gamma=0.5), dict(gamma=math.nan)])
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match='gamma must be 0'):
        SoftmaxFocalLoss(**wrong)
    with pytest.raises(ValueError, match="'none', 'mean', 'sum'"):
        SoftmaxFocalLoss(reduction='max')
    with pytest.raises(ValueError, match="'none', 'mean', 'sum'"):
        SoftmaxFocalLoss()(*random_scores(), reduction_override='max')


@pytest.mark.parametrize('head', ['plain', 'bucket', 'side'])
def test_box_heads_take_it(head):
    """mmdet's head and ours hand it weights and the number of RoIs, and go on to predict by softmax."""
    config = tiny_detector(head).roi_head.bbox_head
    config.loss_cls = dict(type='SoftmaxFocalLoss', gamma=1.5)
    model = MODELS.build(config)
    scores, _ = random_scores()
    labels, boxes = torch.full((7,), 3), torch.zeros(7, 4)  # all background: nothing to localize
    weights = torch.tensor([2.0, 1, 1, 1, 1, 1, 0])
    bbox_pred = None if head == 'plain' else torch.zeros(7, 2, 4, 6)
    losses = model.loss(scores, bbox_pred, torch.zeros(7, 5), labels, weights, boxes, boxes)
    expected = (softmax_focal_loss(scores, labels, 1.5) * weights).sum() / 6
    torch.testing.assert_close(losses['loss_cls'], expected)
    assert 'acc' in losses
    assert not model.custom_activation and not model.custom_cls_channels
    assert model.fc_cls.out_features == 4
