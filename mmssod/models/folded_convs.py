"""Convolution, batch norm and activation blocks, computed in fewer passes on CPUs.

The classes of blocks in a model are exchanged, so that parameters keep their names.
"""

from __future__ import annotations

from typing import Any

from mmcv.cnn import ConvModule
from mmdet.models.backbones.csp_darknet import Focus
from torch import Tensor, addcmul, channels_last, is_grad_enabled, nn, rsqrt
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm


class FoldedConv(ConvModule):
    """mmcv's block; batch norm in eval mode scales the weights of its convolution on a CPU, not the feature map.

    As mmcv's ``efficient_conv_bn_eval`` in half as many operations, and SiLU keeps its input without a copy.
    """

    def forward(self, x: Tensor, activate: bool = True, norm: bool = True) -> Tensor:
        """As mmcv's, up to rounding; any other use of the block, and any other device, is mmcv's."""
        if not norm or x.device.type != 'cpu' or self.norm.training:
            return super().forward(x, activate, norm)
        return self._activated(self.conv._conv_forward(x, *self._folded()), activate)

    def _folded(self) -> tuple[Tensor, Tensor]:
        """Weights and bias of the convolution with the norm in them."""
        conv, norm = self.conv, self.norm
        scale = norm.weight * rsqrt(norm.running_var + norm.eps)
        mean = norm.running_mean if conv.bias is None else norm.running_mean - conv.bias
        weight = conv.weight * scale.view(-1, 1, 1, 1)
        return weight, addcmul(norm.bias, mean, scale, value=-1)

    def _activated(self, x: Tensor, activate: bool) -> Tensor:
        if not activate or not self.with_activation:
            return x
        if (
            type(self.activate) is nn.SiLU
        ):  # in place it would copy its input, which its gradient needs
            return functional.silu(x, inplace=not is_grad_enabled())
        return self.activate(x)


class FoldedFocus(Focus):
    """YOLOX's first layer as one convolution of the image with stride 2: its four shifted images are not made."""

    def forward(self, x: Tensor) -> Tensor:
        """As mmdet's, up to rounding, on a CPU; elsewhere mmdet's."""
        block: Any = self.conv
        if x.device.type != 'cpu' or block.norm.training or x.shape[2] % 2 or x.shape[3] % 2:
            return super().forward(x)
        weight, bias = block._folded()
        shape, size = (len(weight), 2, 2, -1), weight.shape[2:]
        weight = weight.view(*shape, *size).permute(
            0, 3, 4, 2, 5, 1
        )  # x and y of the shift, then the kernel's
        weight = weight.reshape(len(weight), -1, 2 * size[0], 2 * size[1])
        if not block.conv.weight.is_contiguous():  # all feature maps are laid out as this one
            weight = weight.contiguous(memory_format=channels_last)
        padding = [2 * number for number in block.conv.padding]
        return block._activated(functional.conv2d(x, weight, bias, 2, padding), True)


def exchange_blocks(model: nn.Module) -> None:
    """Let blocks of plain 2d convolution, batch norm and activation compute as :class:`FoldedConv`, in place."""
    for module in model.modules():
        if type(module) is ConvModule and _plain(module):
            module.__class__ = FoldedConv
    for module in model.modules():
        if type(module) is Focus and type(module.conv) is FoldedConv and _same_size(module.conv):
            module.__class__ = FoldedFocus


def _plain(module: ConvModule) -> bool:
    conv, norm = module.conv, module.norm
    return (
        type(conv).forward is nn.Conv2d.forward
        and isinstance(norm, _BatchNorm)
        and norm.affine
        and norm.track_running_stats
        and module.order == ('conv', 'norm', 'act')
        and not module.with_spectral_norm
        and not module.with_explicit_padding
        and conv.padding_mode == 'zeros'
        and not isinstance(conv.padding, str)
    )


def _same_size(block: ConvModule) -> bool:
    conv = block.conv
    sizes = [(size - 1) // 2 for size in conv.kernel_size]
    return list(conv.padding) == sizes and {*conv.stride, *conv.dilation, conv.groups} == {1}
