"""What CSD asks of mirror images: numbers by hand, and what may not matter."""

import math

import pytest
import torch

from mmssod.methods.csd.consistency import (
    bucket_consistency,
    class_consistency,
    delta_consistency,
    foreground_mask,
    masked_mean,
    ramp,
)
from mmssod.methods.csd.consistency_detector import mirror


def test_divergence_by_hand():
    p, q = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.25, 0.75]])
    one = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    other = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert class_consistency(p, q).item() == pytest.approx((one + other) / 2, rel=1e-5)
    assert class_consistency(q, p).item() == pytest.approx((one + other) / 2, rel=1e-5)
    assert class_consistency(p, p).item() == 0


def test_a_probability_of_zero_is_finite():
    p, q = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    assert torch.isfinite(class_consistency(p, q)).all()


def test_no_gradient_through_the_target():
    """Each side learns from its own term alone: the derivative of half KL(target || p) is -target / (2 p)."""
    p = torch.tensor([[0.5, 0.5]], requires_grad=True)
    q = torch.tensor([[0.25, 0.75]], requires_grad=True)
    class_consistency(p, q).sum().backward()
    assert p.grad.tolist()[0] == pytest.approx([-0.25 / 0.5 / 2, -0.75 / 0.5 / 2], rel=1e-5)
    assert q.grad.tolist()[0] == pytest.approx([-0.5 / 0.25 / 2, -0.5 / 0.75 / 2], rel=1e-5)


def test_deltas_by_hand():
    deltas = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    mirrored = torch.tensor([[-1.0, 2.0, 3.0, 4.0]])
    assert delta_consistency(deltas, mirrored).item() == 0
    # dx is summed: 1 + 1; the others are subtracted: 0.
    assert delta_consistency(deltas, deltas).item() == pytest.approx((1 + 1) ** 2 / 4)
    assert delta_consistency(deltas, mirrored + 1).item() == pytest.approx((1 + 1 + 1 + 1) / 4)


def test_buckets_by_hand():
    """K = 2; sides left, top, right, bottom. A mirrored answer has left and right swapped."""
    buckets = torch.zeros(1, 2, 4, 2)
    buckets[0, 0, :, 0] = torch.tensor([1.0, 2.0, 3.0, 4.0])  # each side's best bucket is 0
    buckets[0, 1, :, 0] = torch.tensor([0.1, 0.2, 0.3, 0.4])
    mirrored = buckets[:, :, [2, 1, 0, 3]]
    assert bucket_consistency(buckets, mirrored).item() == 0
    assert bucket_consistency(buckets, buckets).item() > 0
    moved = mirrored.clone()
    moved[0, 1, 1, 0] += 0.4  # the top side's offset at its best bucket
    assert bucket_consistency(buckets, moved).item() == pytest.approx(0.4**2 / 4, rel=1e-5)
    moved = mirrored.clone()
    moved[0, 1, 1, 1] += 0.4  # at another bucket: not trained, not asked
    assert bucket_consistency(buckets, moved).item() == 0
    moved = mirrored.clone()
    moved[0, 0, 3, 1] = math.log(3)  # the bottom's second bucket: 0.75 instead of 0.5
    assert bucket_consistency(buckets, moved).item() == pytest.approx(0.25**2 / 4, rel=1e-5)


def test_foreground_is_what_beats_background():
    scores = torch.tensor([[0.5, 0.1, 0.4], [0.3, 0.3, 0.4], [0.4, 0.2, 0.4]])
    assert foreground_mask(scores).tolist() == [True, False, False]


@pytest.mark.parametrize(('mask', 'mean'), [([0, 0], 0.0), ([0, 1], 5.0), ([1, 1], 3.0)])
def test_mean_over_the_mask(mask, mean):
    values = torch.tensor([1.0, 5.0], requires_grad=True)
    found = masked_mean(values, torch.tensor(mask).bool())
    assert found.item() == mean
    found.backward()  # also without any, as distributed training needs
    assert (values.grad != 0).tolist() == torch.tensor(mask).bool().tolist()


def test_values_off_the_mask_may_be_anything():
    values = torch.tensor([1.0, float('inf')])
    assert masked_mean(values, torch.tensor([True, False])) == 1.0


def test_mean_of_no_roi_at_all():
    assert masked_mean(torch.zeros(0), torch.zeros(0).bool()) == 0


@pytest.mark.parametrize(
    ('iteration', 'weight'),
    [
        (0, 0.0),
        (1, math.exp(-5 * (1 - 1 / 32000) ** 2)),
        (16000, math.exp(-5 / 4)),
        (32000, 1.0),
        (60000, 1.0),
        (100000, 1.0),
        (110000, math.exp(-12.5 / 4)),
        (120000, math.exp(-12.5)),
    ],
)
def test_ramp_is_the_public_codes(iteration, weight):
    assert ramp(iteration / 120000, 32 / 120, 100 / 120) == pytest.approx(weight)


def test_boxes_in_the_mirror():
    boxes = torch.tensor([[4.0, 5, 10, 20]])
    assert mirror(boxes, 64).tolist() == [[54.0, 5, 60, 20]]
    assert torch.equal(mirror(mirror(boxes, 64), 64), boxes)
    assert mirror(torch.zeros(0, 4), 64).shape == (0, 4)
