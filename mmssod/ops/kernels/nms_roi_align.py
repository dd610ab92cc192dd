"""Non-maximum suppression and RoIAlign by torchvision.

Legend
    N     boxes or RoIs
    B     images in the batch
    C     channels
    H, W  height and width of the feature map
    h, w  height and width of the output, in bins
    box   ``x1 y1 x2 y2``, absolute pixels of the input image
    RoI   ``image_index x1 y1 x2 y2``
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmssod.environment.errors import InputError
from mmssod.ops.errors import MissingOperatorError, fix
from mmssod.ops.kernels.numerics import compute_dtype, tolerate_nondeterminism

_AVERAGE_POOLING = 1


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Greedy non-maximum suppression.

    A box goes when its IoU with a kept box of higher score is above (not at) ``iou_threshold``.

    Args:
        boxes: (N, 4) boxes.
        scores: (N,) scores; of two equal ones the first ranks higher.
        iou_threshold: IoU in [0, 1].
        offset: 0 for the width ``x2 - x1``, 1 for the width in whole pixels ``x2 - x1 + 1``.

    Returns:
        (kept,) int64 indices into ``boxes``, best score first.

    Raises:
        ValueError: if ``offset`` is neither 0 nor 1.
    """
    if offset not in (0, 1):
        raise InputError(f'nms: offset must be 0 or 1, got {offset!r}')
    dtype = compute_dtype(boxes, scores)
    boxes, scores = boxes.to(dtype), scores.to(dtype)
    if offset:
        # The far corner moved by one pixel gives both terms of the IoU their "+ 1".
        boxes = boxes + boxes.new_tensor([0.0, 0.0, 1.0, 1.0])
    return torch.ops.torchvision.nms(boxes, scores, float(iou_threshold))


def roi_align_forward(
    features: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """RoIAlign with average pooling, written into ``output``.

    Args:
        features: (B, C, H, W) feature map.
        rois: (N, 5) RoIs.
        output: (N, C, h, w), overwritten.
        argmax_y: not used by average pooling.
        argmax_x: not used by average pooling.
        aligned_height: h.
        aligned_width: w.
        spatial_scale: feature-map pixels per image pixel, 1 / stride.
        sampling_ratio: sampling points a bin and axis; 0 takes as many as the bin is pixels wide.
        pool_mode: 1 for the average; 0 (the maximum) is refused.
        aligned: shift by half a pixel so that pixel centres lie at .5.

    Raises:
        MissingOperatorError: for ``pool_mode`` 0.
    """
    _refuse_max_pooling(pool_mode)
    dtype = compute_dtype(features, rois)
    # The raw operator, not torchvision.ops.roi_align: in deterministic mode the latter switches to
    # a slow compiled Python version, which the forward pass (a gather, so deterministic) does not
    # need.
    pooled = torch.ops.torchvision.roi_align(
        features.to(dtype),
        rois.to(dtype),
        float(spatial_scale),
        int(aligned_height),
        int(aligned_width),
        int(sampling_ratio),
        bool(aligned),
    )
    output.copy_(pooled)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Gradient of :func:`roi_align_forward` by the feature map, added to ``grad_input``.

    Args:
        grad_output: (N, C, h, w) gradient of the loss by the output.
        rois: (N, 5) RoIs, which get no gradient.
        argmax_y: not used by average pooling.
        argmax_x: not used by average pooling.
        grad_input: (B, C, H, W), added to.
        aligned_height: h.
        aligned_width: w.
        spatial_scale: as in the forward pass.
        sampling_ratio: as in the forward pass.
        pool_mode: 1 for the average; 0 (the maximum) is refused.
        aligned: as in the forward pass.

    Raises:
        MissingOperatorError: for ``pool_mode`` 0.
    """
    _refuse_max_pooling(pool_mode)
    dtype = compute_dtype(grad_output, rois)
    with tolerate_nondeterminism():
        gradient = torch.ops.torchvision._roi_align_backward(
            grad_output.to(dtype),
            rois.to(dtype),
            float(spatial_scale),
            int(aligned_height),
            int(aligned_width),
            *grad_input.shape,
            int(sampling_ratio),
            bool(aligned),
        )
    grad_input.add_(gradient)


def _refuse_max_pooling(pool_mode: int) -> None:
    if pool_mode != _AVERAGE_POOLING:
        raise MissingOperatorError(
            "roi_align with pool_mode='max' needs mmcv's compiled operators; the stand-in over "
            "torchvision has pool_mode='avg' only, which is what mmdet's detectors use. "
            f"Set pool_mode='avg', or {fix()}"
        )
