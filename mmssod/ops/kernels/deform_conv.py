"""Deformable convolution by torchvision; shapes as in :mod:`mmssod.ops.kernels.deformable`.

Not used are mmcv's scratch buffer ``ones``, the size of the kernel, which the weight has, and ``im2col_step``, the
images that mmcv takes at once.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mmssod.ops.kernels.deformable import Geometry, backward, convolve


def deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    output: Tensor,
    columns: Tensor,
    ones: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    im2col_step: int,
) -> None:
    """Deformable convolution, written into ``output``.

    Args:
        input: (B, C, H, W).
        weight: (O, C / group, height, width).
        offset: (B, G * k * 2, h, w).
        output: (B, O, h, w), overwritten.
        dW, dH: stride to the right and down.
        padW, padH: columns of zeros on the left and the right, rows above and below.
        dilationW, dilationH: distance of neighboring columns and rows of the kernel.
        group: runs of channels that are convolved each by itself.
        deformable_group: G.

    Raises:
        RuntimeError: by torchvision, if shapes and numbers do not fit.
    """
    geometry = Geometry(dH, dW, padH, padW, dilationH, dilationW, group, deformable_group)
    output.copy_(convolve(input, weight, offset, None, None, geometry))


def deform_conv_backward_input(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradInput: Tensor,
    gradOffset: Tensor,
    weight: Tensor,
    columns: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    im2col_step: int,
) -> None:
    """Gradients of :func:`deform_conv_forward` by input and offset.

    Args:
        gradOutput: (B, O, h, w) gradient of the loss by the output.
        gradInput: (B, C, H, W), added to.
        gradOffset: (B, G * k * 2, h, w), overwritten.
        columns: mmcv's scratch memory of this one convolution. The gradient by the weight, which torchvision
            computes at the same time, is kept there.

    The other arguments are those of the forward pass.
    """
    geometry = Geometry(dH, dW, padH, padW, dilationH, dilationW, group, deformable_group)
    gradients = backward(gradOutput, input, weight, offset, None, None, geometry)
    gradInput.add_(gradients.input)
    gradOffset.copy_(gradients.offset)
    _KeptGradient.put(columns, (input, offset, gradOutput), gradients.weight)


def deform_conv_backward_parameters(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradWeight: Tensor,
    columns: Tensor,
    ones: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    scale: float,
    im2col_step: int,
) -> None:
    """Gradient of :func:`deform_conv_forward` by the weight.

    Args:
        gradOutput: (B, O, h, w) gradient of the loss by the output.
        gradWeight: (O, C / group, height, width), added to.
        columns: as in :func:`deform_conv_backward_input`, which mmcv calls first if it needs both.
        scale: what the gradient is multiplied by.

    The other arguments are those of the forward pass.
    """
    gradient = _KeptGradient.take(columns, (input, offset, gradOutput))
    if gradient is None:
        geometry = Geometry(dH, dW, padH, padW, dilationH, dilationW, group, deformable_group)
        weight = torch.zeros_like(gradWeight)  # its own gradient does not depend on it
        gradient = backward(gradOutput, input, weight, offset, None, None, geometry).weight
    gradWeight.add_(gradient, alpha=scale)


class _KeptGradient(NamedTuple):
    """A gradient by the weight that waits for the second of mmcv's two calls, and what it was computed from.

    mmcv asks for the gradients of one backward pass in two calls and torchvision computes all of them together:
    without this, every backward pass would be computed twice.
    """

    sources: tuple[weakref.ref[Tensor], ...]
    versions: tuple[int, ...]  # of the sources: how often each was changed in place
    gradient: Tensor

    @classmethod
    def put(cls, columns: Tensor, sources: Sequence[Tensor], gradient: Tensor) -> None:
        """Keep ``gradient`` for as long as ``columns`` lives."""
        kept = cls(tuple(map(weakref.ref, sources)), _versions(sources), gradient)
        vars(columns)['mmssod_gradient'] = kept

    @staticmethod
    def take(columns: Tensor, sources: Sequence[Tensor]) -> Tensor | None:
        """What was kept, once, if it was computed from just these ``sources``."""
        kept = vars(columns).pop('mmssod_gradient', None)
        if kept is None or kept.versions != _versions(sources):
            return None
        same = all(ref() is source for ref, source in zip(kept.sources, sources, strict=True))
        return kept.gradient if same else None


def _versions(tensors: Sequence[Tensor]) -> tuple[int, ...]:
    return tuple(tensor._version for tensor in tensors)
