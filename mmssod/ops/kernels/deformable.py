"""Shared by both deformable convolutions: torchvision's operator in full precision.

Dai et al., *Deformable Convolutional Networks* (ICCV 2017), and with a mask Zhu et al., *Deformable ConvNets
v2* (CVPR 2019).

Legend
    B       images in the batch
    C, O    channels of the input and of the output
    H, W    height and width of the input
    h, w    height and width of the output
    k       points of the kernel, height * width, row by row
    G       deformable groups: runs of C / G channels that share their offsets
    input   (B, C, H, W)
    weight  (O, C / group, height, width of the kernel)
    offset  (B, G * k * 2, h, w): for each group and point how far down it is moved, then how far to the
            right, in pixels of the input, which is bilinear between pixels and 0 outside
    mask    (B, G * k, h, w): what each point's sample is multiplied by
    bias    (O,)

The order of offsets is the same in mmcv and torchvision. torchvision takes up to 32 images at once.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mmssod.ops.kernels.numerics import compute_dtype, tolerate_nondeterminism


class Geometry(NamedTuple):
    """Stride, padding, dilation and groups, in the order of torchvision's operator."""

    stride_h: int
    stride_w: int
    pad_h: int
    pad_w: int
    dilation_h: int
    dilation_w: int
    groups: int
    offset_groups: int


class Gradients(NamedTuple):
    """What torchvision's backward pass returns."""

    input: Tensor
    weight: Tensor
    offset: Tensor
    mask: Tensor
    bias: Tensor


def convolve(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
    geometry: Geometry,
) -> Tensor:
    """The convolution in the type that :func:`compute_dtype` names."""
    tensors = _complete(input, weight, offset, mask, bias)
    return torch.ops.torchvision.deform_conv2d(*tensors, *geometry, mask is not None)


def backward(
    grad_output: Tensor,
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
    geometry: Geometry,
) -> Gradients:
    """All gradients, in the type that :func:`compute_dtype` names."""
    tensors = _complete(input, weight, offset, mask, bias)
    with tolerate_nondeterminism():
        gradients = torch.ops.torchvision._deform_conv2d_backward(
            grad_output.to(tensors[0].dtype), *tensors, *geometry, mask is not None
        )
    return Gradients(*gradients)


def _complete(
    input: Tensor, weight: Tensor, offset: Tensor, mask: Tensor | None, bias: Tensor | None
) -> list[Tensor]:
    """All five tensors that torchvision wants, of one type; a missing mask is not read."""
    dtype = compute_dtype(input, weight, offset)
    mask = input.new_zeros((len(input), 1)) if mask is None else mask
    bias = input.new_zeros(len(weight)) if bias is None else bias
    return [tensor.to(dtype) for tensor in (input, weight, offset, mask, bias)]
