"""Modulated deformable convolution by torchvision; shapes as in :mod:`mmssod.ops.kernels.deformable`.

Not used are mmcv's scratch buffers ``ones`` and ``columns``, and the size of the kernel, which the weight has.
"""

from __future__ import annotations

from torch import Tensor

from mmssod.ops.kernels.deformable import Geometry, backward, convolve


def modulated_deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    kernel_h: int,
    kernel_w: int,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
    with_bias: bool,
) -> None:
    """Deformable convolution with a mask, written into ``output``.

    Args:
        input: (B, C, H, W).
        weight: (O, C / group, height, width).
        bias: (O,), not read without ``with_bias``.
        offset: (B, G * k * 2, h, w).
        mask: (B, G * k, h, w).
        output: (B, O, h, w), overwritten.
        stride_h, stride_w: stride down and to the right.
        pad_h, pad_w: rows of zeros above and below, columns on the left and the right.
        dilation_h, dilation_w: distance of neighboring rows and columns of the kernel.
        group: runs of channels that are convolved each by itself.
        deformable_group: G.
        with_bias: whether ``bias`` is added.

    Raises:
        RuntimeError: by torchvision, if shapes and numbers do not fit.
    """
    geometry = Geometry(
        stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, group, deformable_group
    )
    output.copy_(convolve(input, weight, offset, mask, bias if with_bias else None, geometry))


def modulated_deform_conv_backward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    kernel_h: int,
    kernel_w: int,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
    with_bias: bool,
) -> None:
    """Gradients of :func:`modulated_deform_conv_forward`.

    Args:
        grad_input: (B, C, H, W), added to.
        grad_weight: (O, C / group, height, width), added to.
        grad_bias: (O,), added to if ``with_bias``.
        grad_offset: (B, G * k * 2, h, w), overwritten.
        grad_mask: (B, G * k, h, w), overwritten.
        grad_output: (B, O, h, w) gradient of the loss by the output.

    The other arguments are those of the forward pass.
    """
    geometry = Geometry(
        stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, group, deformable_group
    )
    gradients = backward(
        grad_output, input, weight, offset, mask, bias if with_bias else None, geometry
    )
    grad_input.add_(gradients.input)
    grad_weight.add_(gradients.weight)
    grad_offset.copy_(gradients.offset)
    grad_mask.copy_(gradients.mask)
    if with_bias:
        grad_bias.add_(gradients.bias)
