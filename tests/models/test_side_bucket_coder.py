"""The coder's laws, and mmdet's coder where both agree."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.models.task_modules.coders import BucketingBBoxCoder

from mmssod.models.buckets import SideBucketCoder

# mmdet orders sides left, right, top, bottom; ours follow the columns of a box: left, top, right, bottom.
MMDET_ORDER = [0, 2, 1, 3]


def boxes_on_segments(count, scale_factor=1.7, seed=0):
    """RoIs and true boxes whose sides all lie on the RoIs' segments."""
    generator = torch.Generator().manual_seed(seed)
    center = torch.rand(count, 2, generator=generator) * 100 + 100
    half = torch.rand(count, 2, generator=generator) * 40 + 5
    place = torch.rand(count, 4, generator=generator) * scale_factor
    rois = torch.cat([center - half, center + half], dim=1)
    sides = torch.cat([center - half * place[:, :2], center + half * place[:, 2:]], dim=1)
    return rois, sides


def answer(targets):
    """What a perfect head would say."""
    return 20 * (2 * targets.labels - 1), targets.offsets


@pytest.mark.parametrize('num_buckets', [2, 3, 4, 8, 20, 30, 40])
@pytest.mark.parametrize('count', [0, 1, 50])
def test_decode_of_encode_is_the_true_box(num_buckets, count):
    coder = SideBucketCoder(num_buckets)
    rois, truth = boxes_on_segments(count)
    decoded = coder.decode(rois, *answer(coder.encode(rois, truth)))
    assert decoded.shape == (count, 4)
    assert torch.allclose(decoded, truth, atol=1e-3)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(2, 40),
    st.tuples(*[st.floats(0, 200)] * 2, *[st.floats(1, 200)] * 2),
    st.tuples(*[st.floats(0.02, 0.98)] * 4),
)
def test_decode_of_encode_for_any_box(num_buckets, roi, place):
    x, y, width, height = roi
    center, half = torch.tensor([x, y]), torch.tensor([width, height]) / 2 * 1.7
    place = torch.tensor(place)
    rois = torch.tensor([[x - width / 2, y - height / 2, x + width / 2, y + height / 2]])
    truth = torch.cat([center - half * place[:2], center + half * place[2:]])[None]
    coder = SideBucketCoder(num_buckets)
    decoded = coder.decode(rois, *answer(coder.encode(rois, truth)))
    assert torch.allclose(decoded, truth, atol=1e-2)


def test_hand_worked_bucket():
    # A box of 100 px, scale 1.7: the left segment runs from -85 to 0 around the center at 0, in 10 buckets of 8.5 px.
    coder = SideBucketCoder(num_buckets=10, offset_reach=0.1)
    rois = torch.tensor([[-50.0, -50.0, 50.0, 50.0]])
    targets = coder.encode(rois, torch.tensor([[-52.0, -50.0, 50.0, 50.0]]))
    assert targets.labels[0, 0].argmax() == 3  # (-52 + 85) / 8.5 = 3.88
    assert targets.offsets[0, 0, 3].item() == pytest.approx(33 / 8.5 - 3.5)
    # Bucket 4 is within a width of the side: out of the loss of buckets, but its offset learns.
    assert targets.label_weights[0, 0].tolist() == [1, 1, 1, 1, 0, 1, 1, 1, 1, 1]
    assert targets.offset_weights[0, 0].tolist() == [0, 0, 0, 1, 1, 0, 0, 0, 0, 0]


def test_one_offset_bucket_is_equation_5():
    coder = SideBucketCoder(10, offset_reach=0, ignore_neighbor=False)
    targets = coder.encode(*boxes_on_segments(20))
    assert torch.equal(targets.offset_weights, targets.labels)
    assert (targets.label_weights == 1).all()


@pytest.mark.parametrize('num_buckets', [2, 7, 30])
def test_agrees_with_mmdet(num_buckets):
    ours = SideBucketCoder(num_buckets, clamp_targets=False, offset_reach=1 / num_buckets)
    theirs = BucketingBBoxCoder(num_buckets=2 * num_buckets, scale_factor=1.7, clip_border=False)
    rois, truth = boxes_on_segments(100)
    truth = truth + torch.randn_like(truth) * 5  # some sides off their segment, too
    targets = ours.encode(rois, truth)
    offsets, offset_weights, labels, label_weights = (
        value.view(-1, 4, num_buckets)[:, MMDET_ORDER] for value in theirs.encode(rois, truth)
    )
    # mmdet's offsets go from the side to the center line, along the axis.
    sign = torch.tensor([-1.0, -1.0, 1.0, 1.0])[:, None]
    assert torch.equal(targets.labels, labels)
    assert torch.equal(targets.label_weights, label_weights)
    assert torch.equal(targets.offset_weights, offset_weights)
    assert torch.allclose(targets.offsets, offsets * sign, atol=1e-3)
    logits = torch.randn(100, 4, num_buckets)
    their_logits = logits[:, MMDET_ORDER].reshape(100, -1)
    their_offsets = (targets.offsets * sign)[:, MMDET_ORDER].reshape(100, -1)
    decoded, _ = theirs.decode(rois, (their_logits, their_offsets))
    assert torch.allclose(ours.decode(rois, logits, targets.offsets), decoded, atol=1e-2)


@pytest.mark.parametrize('num_buckets', [4, 8, 20, 30, 40])
def test_the_reach_of_offsets_is_a_length(num_buckets):
    """Any choice within an eighth of the segment decodes to the right place, and no K weighs more than another."""
    coder = SideBucketCoder(num_buckets)
    rois, truth = boxes_on_segments(200)
    targets = coder.encode(rois, truth)
    reach = max(1 / num_buckets, 0.125) * 1.7 / 2 * (rois[:, 2:] - rois[:, :2]).repeat(1, 2)
    logits = torch.rand(200, 4, num_buckets).masked_fill(targets.offset_weights == 0, -1)
    decoded = coder.decode(rois, logits, targets.offsets)
    assert torch.allclose(decoded, truth, atol=1e-3)
    trained = targets.offset_weights > 0
    assert targets.offsets[trained].abs().max() <= 1
    # the longest way that is trained
    moved = (targets.offsets * trained * reach[..., None]).abs().amax(dim=-1)
    assert (moved <= reach * 1.0001).all() and (moved > 0.4 * reach).float().mean() > 0.7
    total = targets.offset_weights.sum(dim=-1)
    assert 0.9 < total.min() and total.max() < 2.4


def test_mirror_swaps_left_and_right():
    coder = SideBucketCoder(12)
    rois, truth = boxes_on_segments(30)

    def mirrored(boxes):
        return torch.stack([300 - boxes[:, 2], boxes[:, 1], 300 - boxes[:, 0], boxes[:, 3]], dim=1)

    swap = [2, 1, 0, 3]
    there, here = coder.encode(mirrored(rois), mirrored(truth)), coder.encode(rois, truth)
    assert torch.equal(there.labels, here.labels[:, swap])
    assert torch.allclose(there.offsets, here.offsets[:, swap], atol=1e-4)


def test_scale_changes_no_target():
    coder = SideBucketCoder(12)
    rois, truth = boxes_on_segments(30)
    there, here = coder.encode(2 * rois, 2 * truth), coder.encode(rois, truth)
    assert torch.equal(there.labels, here.labels)
    assert torch.allclose(there.offsets, here.offsets, atol=1e-4)


def test_sides_off_the_segment_are_pulled_to_its_end():
    coder = SideBucketCoder(30)
    rois = torch.tensor([[0.0, 0.0, 100.0, 100.0]])
    # left beyond the border, top beyond the center
    far = torch.tensor([[-200.0, 70.0, 110.0, 110.0]])
    targets = coder.encode(rois, far)
    assert (targets.offsets * targets.offset_weights).abs().max() <= 1
    decoded = coder.decode(rois, *answer(targets))
    assert torch.allclose(decoded, torch.tensor([[-35.0, 50.0, 110.0, 110.0]]), atol=1e-3)


def test_decode_clips_to_the_image():
    coder = SideBucketCoder(8)
    rois, truth = torch.tensor([[0.0, 0.0, 100.0, 90.0]]), torch.tensor([[-20.0, 5.0, 120.0, 80.0]])
    decoded = coder.decode(rois, *answer(coder.encode(rois, truth)), max_shape=(60, 110))
    assert torch.allclose(decoded, torch.tensor([[0.0, 5.0, 110.0, 60.0]]), atol=1e-3)


def test_boxes_without_area_give_finite_targets():
    coder = SideBucketCoder(8)
    targets = coder.encode(
        torch.tensor([[5.0, 5.0, 5.0, 5.0]]), torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    )
    assert all(torch.isfinite(value).all() for value in targets)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(num_buckets=1), 'at least 2, got 1'),
        (dict(num_buckets=8, offset_reach=1.5), 'a share of the segment, got 1.5'),
        (dict(num_buckets=8, scale_factor=1.0), 'must enlarge the box, got 1.0'),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        SideBucketCoder(**arguments)
