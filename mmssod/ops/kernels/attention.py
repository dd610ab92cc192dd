"""Multi-scale deformable attention of Zhu et al., *Deformable DETR* (ICLR 2021), over ``grid_sample``.

The output is a sum over levels, so both passes take one level at a time and hold the samples of no other.

Legend
    B     images in the batch
    K     keys, the cells of all levels together
    L     levels; level l has H x W cells, rows first, from ``value_level_start_index[l]`` on
    M, D  heads, and channels of a head
    Q, P  queries, and sampling points of a query in each head and level
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mmssod.ops.kernels.numerics import compute_dtype, tolerate_nondeterminism


def ms_deform_attn_forward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    im2col_step: int,
) -> Tensor:
    """Weighted sum of bilinear samples, of all levels and points of a query.

    Args:
        value: (B, K, M, D).
        value_spatial_shapes: (L, 2) int64, H and W of each level.
        value_level_start_index: (L,) int64, the first key of each level.
        sampling_locations: (B, Q, M, L, P, 2), x and y as shares of the level's width and height: 0 is its
            left or upper edge, 1 the right or lower one. Outside all cells are 0.
        attention_weights: (B, Q, M, L, P).
        im2col_step: images that mmcv's kernel takes at once, not used: it changes no value.

    Returns:
        (B, Q, M * D) in the type of ``value``.
    """
    dtype = compute_dtype(value, sampling_locations, attention_weights)
    batch, queries, heads = sampling_locations.shape[:3]
    output = value.new_zeros((batch, queries, heads * value.shape[3]), dtype=dtype)
    for level, (cells, size) in enumerate(_levels(value_spatial_shapes, value_level_start_index)):
        output += _attend(
            value[:, cells].to(dtype),
            sampling_locations[:, :, :, level].to(dtype),
            attention_weights[:, :, :, level].to(dtype),
            size,
        )
    return output.to(value.dtype)


def ms_deform_attn_backward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_sampling_loc: Tensor,
    grad_attn_weight: Tensor,
    im2col_step: int,
) -> None:
    """Gradients of :func:`ms_deform_attn_forward` by value, locations and weights.

    Args:
        value: as in the forward pass.
        value_spatial_shapes: as in the forward pass.
        value_level_start_index: as in the forward pass.
        sampling_locations: as in the forward pass.
        attention_weights: as in the forward pass.
        grad_output: (B, Q, M * D) gradient of the loss by the output.
        grad_value: (B, K, M, D), added to.
        grad_sampling_loc: (B, Q, M, L, P, 2), overwritten.
        grad_attn_weight: (B, Q, M, L, P), overwritten.
        im2col_step: as in the forward pass.
    """
    dtype = compute_dtype(value, sampling_locations, attention_weights)
    grad_output = grad_output.to(dtype)
    for level, (cells, size) in enumerate(_levels(value_spatial_shapes, value_level_start_index)):
        values, locations, weights = inputs = [
            source.detach().to(dtype).requires_grad_()
            for source in (
                value[:, cells],
                sampling_locations[:, :, :, level],
                attention_weights[:, :, :, level],
            )
        ]
        with torch.enable_grad(), tolerate_nondeterminism():
            part = _attend(values, locations, weights, size)
            gradients = torch.autograd.grad(part, inputs, grad_output)
        grad_value[:, cells] += gradients[0]
        grad_sampling_loc[:, :, :, level] = gradients[1]
        grad_attn_weight[:, :, :, level] = gradients[2]


def _levels(shapes: Tensor, starts: Tensor) -> list[tuple[slice, tuple[int, int]]]:
    """The keys of each level and its (H, W), read from the device once for all levels."""
    table = torch.cat([shapes, starts[:, None]], 1).tolist()
    return [(slice(start, start + h * w), (h, w)) for h, w, start in table]


def _attend(value: Tensor, locations: Tensor, weights: Tensor, size: tuple[int, int]) -> Tensor:
    """What one level adds to the output, (B, Q, M * D).

    Args:
        value: (B, H * W, M, D).
        locations: (B, Q, M, P, 2).
        weights: (B, Q, M, P).
        size: (H, W).
    """
    batch, queries, heads, points = weights.shape
    channels = value.shape[3]
    maps = value.permute(0, 2, 3, 1).reshape(batch * heads, channels, *size)
    # Shares of 0 ... 1 are -1 ... 1 in grid_sample, where align_corners=False says that these are edges.
    grid = (2 * locations - 1).transpose(1, 2).reshape(batch * heads, queries, points, 2)
    samples = F.grid_sample(maps, grid, 'bilinear', 'zeros', align_corners=False)
    weights = weights.transpose(1, 2).reshape(batch * heads, 1, queries, points)
    return (samples * weights).sum(-1).reshape(batch, heads * channels, queries).transpose(1, 2)
