"""Laws of the class balancer and of projection, on whatever numbers hypothesis finds."""

import math

import torch
from builders.labels import pseudo
from hypothesis import given, settings
from hypothesis import strategies as st

from mmssod.models.pseudo import ClassBalancer
from mmssod.structures import PseudoLabels, view_change
from mmssod.tiny_detectors import tiny_sample

FEW = settings(max_examples=50, deadline=None)


# ------------------------------------------------------------------ balancer

# A class: how many candidates, and their mean certainty.
classes = st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 1)), min_size=1, max_size=8)
powers = st.floats(0, 2)


def balancer(seen, power=0.5, **options):
    made = ClassBalancer(len(seen), threshold_power=power, weight_power=power, **options)
    counts = torch.tensor([float(count) for count, _ in seen])
    made.update(counts * torch.tensor([float(mean) for _, mean in seen]), counts)
    return made


@given(classes, powers, st.floats(0, 1), st.floats(0.5, 100))
@FEW
def test_thresholds_keep_their_bounds_and_weights_are_finite(seen, power, tau, most):
    made = balancer(seen, power, threshold=tau, bounds=(0.2, 0.8), max_weight=most)
    thresholds, weights = made.thresholds(), made.weights()
    assert ((thresholds >= 0.2 - 1e-6) & (thresholds <= 0.8 + 1e-6)).all() or power == 0
    assert (weights > 0).all() and (weights <= most + 1e-4).all() and weights.isfinite().all()


@given(classes, powers, st.randoms(use_true_random=False))
@FEW
def test_classes_may_be_numbered_anyhow(seen, power, random):
    order = list(range(len(seen)))
    random.shuffle(order)
    one, other = balancer(seen, power), balancer([seen[place] for place in order], power)
    for name in ('thresholds', 'weights'):
        expected = getattr(one, name)()[order]
        torch.testing.assert_close(getattr(other, name)(), expected, rtol=1e-9, atol=0)


@given(st.integers(1, 8), st.integers(1, 10**6), st.floats(0.01, 1), powers)
@FEW
def test_equal_classes_are_treated_alike(number, count, mean, power):
    made = balancer([(count, mean)] * number, power)
    assert len(set(made.thresholds().tolist())) == len(set(made.weights().tolist())) == 1


@given(classes, powers, st.integers(0, 7))
@FEW
def test_what_is_seen_less_is_asked_less_and_weighs_more(seen, power, place):
    seen = [(max(count, 1), max(mean, 1e-3)) for count, mean in seen]
    place %= len(seen)
    less = list(seen)
    less[place] = (seen[place][0], seen[place][1] / 2)  # as many candidates, half as certain
    before, after = balancer(seen, power), balancer(less, power)
    assert after.thresholds()[place] <= before.thresholds()[place]
    assert after.weights()[place] >= before.weights()[place]


@given(st.lists(classes.filter(lambda seen: len(seen) >= 3), min_size=1, max_size=4))
@FEW
def test_order_of_steps_does_not_matter(steps):
    made = [ClassBalancer(3), ClassBalancer(3)]
    for one, order in zip(made, (steps, steps[::-1]), strict=True):
        for seen in order:
            counts = torch.tensor([count for count, _ in seen[:3]], dtype=torch.float64)
            one.update(counts * torch.tensor([mean for _, mean in seen[:3]]), counts)
    assert torch.equal(made[0].count, made[1].count)
    torch.testing.assert_close(made[0].certainty_sum, made[1].certainty_sum, rtol=1e-12, atol=1e-9)


# ------------------------------------------------------------------ projection

SIZE = 64
corner, side = st.floats(8, 40), st.floats(4, 16)
boxes = st.lists(st.tuples(corner, corner, side, side), max_size=5)
flips, scales = st.booleans(), st.floats(0.5, 2)


def labels(found) -> PseudoLabels:
    corners = [[x, y, x + w, y + h] for x, y, w, h in found]
    return pseudo(corners, [1.0] * len(corners), labels=list(range(len(corners))))


def view(flip: bool, scale: float):
    """A view of an image of 64 px: resized, then perhaps mirrored."""
    sample = tiny_sample(boxes=0, size=SIZE)
    width = round(SIZE * scale)
    matrix = torch.diag(torch.tensor([scale, scale, 1.0]))
    if flip:
        matrix = torch.tensor([[-1.0, 0, width], [0, 1, 0], [0, 0, 1]]) @ matrix
    sample.set_metainfo(dict(homography_matrix=matrix.numpy(), img_shape=(width, width)))
    return sample


@given(boxes, flips, scales, flips, scales)
@FEW
def test_there_and_back(found, flip, scale, other_flip, other_scale):
    weak, strong = view(flip, scale), view(other_flip, other_scale)
    start = labels(found).project(view_change(view(False, 1.0), weak), weak.img_shape)
    there = start.project(view_change(weak, strong), strong.img_shape)
    back = there.project(view_change(strong, weak), weak.img_shape)
    assert torch.equal(back.labels, start.labels)
    torch.testing.assert_close(back.boxes, start.boxes, rtol=0, atol=1e-2)


@given(boxes, st.floats(-80, 80), st.floats(-80, 80), st.floats(-math.pi, math.pi))
@FEW
def test_projected_boxes_lie_in_the_view_and_carry_what_they_had(found, right, down, angle):
    cos, sin = math.cos(angle), math.sin(angle)
    matrix = torch.tensor([[cos, -sin, right], [sin, cos, down], [0.0, 0, 1]])
    moved = labels(found).project(matrix, (SIZE, SIZE))
    x1, y1, x2, y2 = moved.boxes.unbind(dim=1)
    assert ((x1 >= 0) & (y1 >= 0) & (x2 <= SIZE) & (y2 <= SIZE) & (x2 > x1) & (y2 > y1)).all()
    assert len(moved) == len(moved.weights) == len(moved.labels) <= len(found)
    assert moved.labels.tolist() == sorted(set(moved.labels.tolist()))
