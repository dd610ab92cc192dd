"""Non-maximum suppression and RoIAlign of the stand-in."""

import mmcv
import mmcv.ops
import numpy as np
import pytest
import torch
from torch import Tensor

from mmssod import ops
from mmssod.ops import kernels

needs_stand_in = pytest.mark.skipif(ops.status() != 'stand-in', reason='mmcv is compiled here')
needs_compiled = pytest.mark.skipif(ops.status() != 'compiled', reason='mmcv is not compiled here')


# --- nms ------------------------------------------------------------------------------------------

# A is 10 x 10; B is its upper half, so IoU(A, B) = 50 / 100; C touches neither.
BOXES = torch.tensor([[0.0, 0, 10, 5], [20, 20, 30, 30], [0, 0, 10, 10]])
SCORES = torch.tensor([0.8, 0.7, 0.9])
# The same in whole pixels, where the far corner belongs to the box: with offset 1 the IoU is again
# 50 / 100, with offset 0 it is 36 / 81.
PIXEL_BOXES = BOXES - torch.tensor([0.0, 0, 1, 1])


@pytest.mark.parametrize(
    ('boxes', 'offset', 'iou_threshold', 'kept'),
    [
        (BOXES[:0], 0, 0.5, []),
        (BOXES[:1], 0, 0.5, [0]),
        (BOXES, 0, 0.49, [2, 1]),
        (BOXES, 0, 0.5, [2, 0, 1]),  # at the threshold a box stays
        (PIXEL_BOXES, 0, 0.45, [2, 0, 1]),
        (PIXEL_BOXES, 1, 0.45, [2, 1]),
        (PIXEL_BOXES, 1, 0.5, [2, 0, 1]),
        (BOXES[:0], 1, 0.5, []),
    ],
)
def test_nms_by_hand(boxes: Tensor, offset: int, iou_threshold: float, kept: list[int]) -> None:
    scores = SCORES[: len(boxes)]
    indices = kernels.nms(boxes, scores, iou_threshold, offset)
    assert indices.dtype is torch.int64
    assert indices.tolist() == kept

    detections, indices = mmcv.ops.nms(boxes, scores, iou_threshold, offset=offset)
    assert indices.tolist() == kept
    assert torch.equal(detections, torch.cat([boxes, scores[:, None]], 1)[kept])


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_nms_takes_every_float_type(dtype: torch.dtype) -> None:
    indices = kernels.nms(BOXES.to(dtype), SCORES.to(dtype), 0.49, 0)
    assert indices.tolist() == [2, 1]


def test_nms_of_equal_scores_keeps_the_first() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10]]).repeat(4, 1)
    assert kernels.nms(boxes, torch.full((4,), 0.5), 0.5, 0).tolist() == [0]


def test_nms_refuses_another_offset() -> None:
    with pytest.raises(ValueError, match='offset must be 0 or 1, got 2'):
        kernels.nms(BOXES, SCORES, 0.5, 2)


def test_nms_through_mmcv_filters_scores_and_takes_numpy() -> None:
    detections, indices = mmcv.ops.nms(
        BOXES.numpy(), SCORES.numpy(), 0.49, score_threshold=0.75, max_num=5
    )
    assert isinstance(detections, np.ndarray)
    assert indices.tolist() == [2]


def test_batched_nms_keeps_classes_apart() -> None:
    labels = torch.tensor([0, 0, 1])
    config = dict(type='nms', iou_threshold=0.49)
    _, apart = mmcv.ops.batched_nms(BOXES, SCORES, labels, config)
    _, together = mmcv.ops.batched_nms(BOXES, SCORES, labels, config, class_agnostic=True)
    assert apart.tolist() == [2, 0, 1]
    assert together.tolist() == [2, 1]


@needs_compiled
@pytest.mark.parametrize('offset', [0, 1])
def test_nms_equals_the_compiled_one(offset: int) -> None:
    generator = torch.Generator().manual_seed(1)
    corners = torch.rand(200, 2, generator=generator) * 50
    boxes = torch.cat([corners, corners + torch.rand(200, 2, generator=generator) * 30], 1)
    scores = torch.rand(200, generator=generator)
    _, expected = mmcv.ops.nms(boxes, scores, 0.5, offset=offset)
    assert torch.equal(kernels.nms(boxes, scores, 0.5, offset), expected)


# --- roi_align ------------------------------------------------------------------------------------

ROIS = torch.tensor(
    [
        [0.0, 2.0, 3.0, 17.0, 29.0],
        [1.0, -6.0, -4.0, 9.5, 11.25],  # partly outside
        [0.0, 20.0, 10.0, 60.0, 50.0],  # larger than the image
        [1.0, 8.0, 8.0, 8.0, 8.0],  # of no size
        [1.0, 100.0, 100.0, 120.0, 130.0],  # wholly outside
    ]
)


def features(dtype: torch.dtype = torch.float64) -> Tensor:
    """(2, 3, 8, 7) random feature map."""
    return torch.randn(2, 3, 8, 7, generator=torch.Generator().manual_seed(0)).to(dtype)


def bilinear(plane: Tensor, y: float, x: float) -> Tensor:
    """The value of ``plane`` (C, H, W) at a point, zero more than one pixel outside."""
    height, width = plane.shape[1:]
    if not (-1 <= y <= height and -1 <= x <= width):
        return plane.new_zeros(len(plane))
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    down, across = y - top, x - left
    upper = plane[:, top, left] * (1 - across) + plane[:, top, right] * across
    lower = plane[:, bottom, left] * (1 - across) + plane[:, bottom, right] * across
    return upper * (1 - down) + lower * down


def slow_roi_align(
    inputs: Tensor, rois: Tensor, size: tuple[int, int], scale: float, points: int, aligned: bool
) -> Tensor:
    """RoIAlign as its paper describes it: the mean over sampling points in each bin."""
    output = inputs.new_zeros(len(rois), inputs.shape[1], *size)
    for n, (image, *corners) in enumerate(rois.tolist()):
        x1, y1, x2, y2 = (corner * scale - (0.5 if aligned else 0.0) for corner in corners)
        smallest = 0.0 if aligned else 1.0
        bin_height = max(y2 - y1, smallest) / size[0]
        bin_width = max(x2 - x1, smallest) / size[1]
        rows = points or int(np.ceil(bin_height))
        columns = points or int(np.ceil(bin_width))
        for i, j in np.ndindex(*size):
            for row, column in np.ndindex(rows, columns):
                y = y1 + bin_height * (i + (row + 0.5) / rows)
                x = x1 + bin_width * (j + (column + 0.5) / columns)
                output[n, :, i, j] += bilinear(inputs[int(image)], y, x) / (rows * columns)
    return output


@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('points', [0, 2])
@pytest.mark.parametrize('scale', [0.25, 0.125])
@pytest.mark.parametrize('count', [0, 1, len(ROIS)])
def test_roi_align_equals_the_formula(count: int, scale: float, points: int, aligned: bool) -> None:
    inputs, rois = features(), ROIS[:count].double()
    pooled = mmcv.ops.roi_align(inputs, rois, (2, 3), scale, points, 'avg', aligned)
    expected = slow_roi_align(inputs, rois, (2, 3), scale, points, aligned)
    assert pooled.shape == (count, 3, 2, 3)
    torch.testing.assert_close(pooled, expected)


@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('points', [0, 2])
def test_roi_align_gradient_equals_finite_differences(points: int, aligned: bool) -> None:
    def pool(inputs: Tensor) -> Tensor:
        return mmcv.ops.roi_align(inputs, ROIS.double(), (2, 2), 0.25, points, 'avg', aligned)

    assert torch.autograd.gradcheck(pool, features()[:, :1].requires_grad_())


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_roi_align_in_half_computes_in_float32(dtype: torch.dtype) -> None:
    half = features(dtype).requires_grad_()
    full = half.detach().float().requires_grad_()
    rois = ROIS.to(dtype)
    pooled = mmcv.ops.roi_align(half, rois, 2, 0.25, 0, 'avg', True)
    expected = mmcv.ops.roi_align(full, rois.float(), 2, 0.25, 0, 'avg', True)
    assert pooled.dtype is dtype
    assert torch.equal(pooled, expected.to(dtype))

    weight = torch.arange(pooled.numel()).reshape(pooled.shape) / pooled.numel()
    pooled.backward(weight.to(dtype))
    expected.backward(weight.to(dtype).float())
    assert half.grad is not None and full.grad is not None
    assert torch.equal(half.grad, full.grad.to(dtype))


def test_roi_align_adds_to_the_gradient_it_is_given() -> None:
    grad_input = torch.ones(2, 3, 8, 7)
    unused = torch.empty(0)
    kernels.roi_align_backward(
        torch.zeros(5, 3, 2, 2),
        ROIS,
        unused,
        unused,
        grad_input,
        aligned_height=2,
        aligned_width=2,
        spatial_scale=0.25,
        sampling_ratio=0,
        pool_mode=1,
        aligned=True,
    )
    assert torch.equal(grad_input, torch.ones(2, 3, 8, 7))


def test_roi_align_leaves_the_deterministic_mode_as_it_was() -> None:
    torch.use_deterministic_algorithms(True)
    try:
        inputs = features(torch.float32).requires_grad_()
        mmcv.ops.roi_align(inputs, ROIS, 2, 0.25, 0, 'avg', True).sum().backward()
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


@needs_stand_in
def test_roi_align_refuses_the_maximum() -> None:
    with pytest.raises(ops.MissingOperatorError, match="Set pool_mode='avg', or install"):
        mmcv.ops.roi_align(features(), ROIS.double(), 2, 0.25, 0, 'max', True)
