"""Equations 1-6: hand-worked numbers and laws."""

import math

import pytest
import torch

from mmssod import equations as eq

# The table of methods at the defaults: ratio -> threshold and weight.
EQ6 = [
    (1e-3, 0.496, 63.1),
    (0.01, 0.556, 15.8),
    (0.1, 0.624, 3.98),
    (1.0, 0.7, 1.0),
    (10.0, 0.785, 0.251),
]


def test_expectation_over_boxes_divides_by_boxes_not_by_weights():
    loss = torch.tensor([2.0, 4.0])
    assert eq.expectation_over_boxes(loss, torch.tensor([1.0, 3.0]), 4) == pytest.approx(14 / 4)
    assert eq.expectation_over_boxes(loss[:0], loss[:0], 0) == 0


def test_total_loss_is_the_weighted_sum():
    assert eq.total_loss(torch.tensor(2.0), torch.tensor(3.0), 0.5) == pytest.approx(3.5)


def test_segment_loss_hand_worked():
    # One box, K = 2; logits 0 are probability 0.5, so each counted bucket costs log 2.
    logits = torch.zeros(1, 4, 2)
    labels = torch.zeros(1, 4, 2)
    labels[..., 0] = 1
    weights = torch.ones(1, 4, 2)
    assert eq.segment_loss(logits, labels, weights).item() == pytest.approx(8 * math.log(2))
    weights[..., 1] = 0
    assert eq.segment_loss(logits, labels, weights).item() == pytest.approx(4 * math.log(2))


def test_segment_loss_is_least_at_the_truth_and_not_at_all_ones():
    labels = torch.nn.functional.one_hot(torch.tensor([[0, 1, 2, 3]]), 5).float()
    weights = torch.ones_like(labels)
    truth = eq.segment_loss(20 * (2 * labels - 1), labels, weights)
    all_ones = eq.segment_loss(torch.full_like(labels, 20.0), labels, weights)
    assert truth.item() < 1e-6 < 100 < all_ones.item()


@pytest.mark.parametrize('shape', [(0, 4, 5), (1, 4, 5), (3, 4, 5), (2, 3, 4, 7), (4, 2)])
def test_localization_certainty_shape_and_range(shape):
    certainty = eq.localization_certainty(torch.randn(shape))
    assert certainty.shape == shape[:-2]
    assert ((certainty > 0) & (certainty < 1)).all()


def test_localization_certainty_hand_worked():
    logits = torch.full((4, 3), -10.0)
    logits[:, 1] = torch.tensor([0.0, 0.0, math.log(3), math.log(3)])  # sigmoid: .5 .5 .75 .75
    assert eq.localization_certainty(logits).item() == pytest.approx(0.625)


def test_all_mass_on_one_bucket_is_full_certainty():
    logits = torch.full((1, 4, 30), -50.0)
    logits[..., 7] = 50.0
    assert eq.localization_certainty(logits).item() == pytest.approx(1.0)


def test_offset_loss_hand_worked():
    # Smooth L1 with beta 0.1: |d| - 0.05 beyond it, d^2 / 0.2 below.
    offsets = torch.tensor([[[0.5, 0.05]] * 4])
    zeros = torch.zeros_like(offsets)
    loss = eq.offset_loss(offsets, zeros, torch.ones_like(offsets))
    assert loss.item() == pytest.approx(4 * (0.45 + 0.0125))
    assert eq.offset_loss(offsets, zeros, zeros).item() == 0


@pytest.mark.parametrize(('ratio', 'threshold', 'weight'), EQ6)
def test_equation_6_at_the_defaults(ratio, threshold, weight):
    # The mean count is 100; class 0 has the given ratio to it.
    sums, counts = torch.tensor([100 * ratio, 50.0]), torch.tensor([150.0, 50.0])
    assert eq.class_thresholds(sums, counts, 0.7, 0.05)[0].item() == pytest.approx(
        threshold, abs=6e-4
    )
    assert eq.class_weights(sums, counts, 0.6)[0].item() == pytest.approx(weight, rel=5e-3)


def test_equal_classes_get_equal_values():
    sums, counts = torch.full((5,), 3.0), torch.full((5,), 6.0)
    assert eq.class_thresholds(sums, counts, 0.7, 0.05).unique().numel() == 1
    assert eq.class_weights(sums, counts, 0.6).unique().numel() == 1


def test_power_zero_switches_off_exactly():
    sums, counts = torch.tensor([0.0, 1e9, 3.0]), torch.tensor([0.0, 1e9, 5.0])
    # 0.95 lies outside the bounds: what is switched off is not clipped either.
    assert (eq.class_thresholds(sums, counts, 0.95, 0.0) == torch.tensor(0.95)).all()
    assert (eq.class_weights(sums, counts, 0.0) == 1).all()


def test_rarer_is_lower_and_heavier_within_bounds():
    sums, counts = torch.logspace(-6, 6, 13), torch.ones(13)
    thresholds = eq.class_thresholds(sums, counts, 0.7, 0.3, bounds=(0.5, 0.8))
    weights = eq.class_weights(sums, counts, 0.6)
    assert (thresholds.diff() >= 0).all()
    assert thresholds.min() == 0.5
    assert thresholds.max() == pytest.approx(0.8)
    assert (weights.diff() < 0).all()


def test_permuting_classes_permutes_results():
    sums, counts = torch.rand(6) * 10, torch.rand(6) * 20
    order = torch.randperm(6)
    assert torch.allclose(
        eq.class_weights(sums, counts, 0.6)[order],
        eq.class_weights(sums[order], counts[order], 0.6),
    )


@pytest.mark.parametrize('sums', [[0.0, 0.0], [0.0, 5.0]])
def test_unseen_classes_stay_finite(sums):
    sums = torch.tensor(sums)
    assert torch.isfinite(eq.class_weights(sums, sums, 0.6)).all()
    assert torch.isfinite(eq.class_thresholds(sums, sums, 0.7, 0.05)).all()


def test_nothing_counted_changes_nothing():
    zeros = torch.zeros(3)
    assert (eq.class_weights(zeros, zeros, 0.6) == 1).all()
    assert torch.allclose(eq.class_thresholds(zeros, zeros, 0.7, 0.05), torch.tensor(0.7))


def test_errors_show_what_was_given():
    with pytest.raises(ValueError, match=r'\(3,\) and \(2,\)'):
        eq.class_weights(torch.ones(3), torch.ones(2), 0.6)
    with pytest.raises(ValueError, match=r'low <= high, got \(0.9, 0.4\)'):
        eq.class_thresholds(torch.ones(2), torch.ones(2), 0.7, 0.05, bounds=(0.9, 0.4))


def test_class_certainty_sums_hand_worked():
    p, v = torch.tensor([0.5, 1.0, 0.8]), torch.tensor([1.0, 0.5, 0.5])
    sums, counts = eq.class_certainty_sums(p, v, torch.tensor([1, 1, 3]), num_classes=4)
    assert sums.tolist() == pytest.approx([0, 1.0, 0, 0.4])
    assert counts.tolist() == [0, 2, 0, 1]
    assert sums.dtype == torch.float64
    empty, none = eq.class_certainty_sums(p[:0], v[:0], torch.zeros(0, dtype=torch.long), 4)
    assert empty.sum() == none.sum() == 0
