"""Batch norm whose statistics and scale stay frozen in training and test mode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from mmcv.cnn import ConvModule
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmssod.environment.errors import InputError
from mmssod.models.folded_convs import exchange_blocks

Norm = TypeVar('Norm', bound='_Frozen')


class _Frozen(_BatchNorm):
    """Stays in eval mode; parameters and buffers keep their names, so checkpoints are interchangeable."""

    def train(self: Norm, mode: bool = True) -> Norm:
        """Does nothing but stay in eval mode."""
        return super().train(False)


class FrozenBatchNorm1d(_Frozen, nn.BatchNorm1d):
    """``BatchNorm1d`` with fixed statistics, scale and shift."""


class FrozenBatchNorm2d(_Frozen, nn.BatchNorm2d):
    """``BatchNorm2d`` with fixed statistics, scale and shift."""


class FrozenBatchNorm3d(_Frozen, nn.BatchNorm3d):
    """``BatchNorm3d`` with fixed statistics, scale and shift."""


class FrozenSyncBatchNorm(_Frozen, nn.SyncBatchNorm):
    """``SyncBatchNorm`` with fixed statistics, scale and shift: nothing is left to synchronize."""


FROZEN: dict[type, type] = {
    nn.BatchNorm1d: FrozenBatchNorm1d,
    nn.BatchNorm2d: FrozenBatchNorm2d,
    nn.BatchNorm3d: FrozenBatchNorm3d,
    nn.SyncBatchNorm: FrozenSyncBatchNorm,
}


def freeze_batch_norm(model: nn.Module, parts: Sequence[str] = ('',)) -> int:
    """Fix statistics, scale and shift of the batch norms of a model, in place.

    With few images per batch, statistics of the batch are far from those of the data, and the running ones soon follow
    them: a detector that starts from COCO loses what it brought. The class of each layer is exchanged, not its mode, so
    that no later call of ``train()`` thaws it, and a copy of the model is frozen, too.

    Args:
        model: A detector.
        parts: Which of its modules, by name, such as ``'backbone'``; ``''`` is the whole model.

    Returns:
        How many layers were frozen; those that were frozen before do not count.

    Raises:
        ValueError: The model has no such part.
    """
    frozen = 0
    for part in parts:
        for norm in list(_norms(model, part)):
            norm.__class__ = _frozen_class(norm)
            norm.requires_grad_(False)
            norm.eval()
            frozen += 1
    return frozen


def fold_batch_norm(model: nn.Module) -> int:
    """Let batch norms in eval mode scale the weights of the convolution before them, and not its output.

    The output is the same up to rounding, gradients likewise; a layer that is in training mode works as before. A
    step passes over each feature map once less.

    Args:
        model: A detector, frozen or not.

    Returns:
        How many pairs of convolution and batch norm there are. Convolutions that are more than torch's (deformable,
        with standardized weights) are left alone.
    """
    pairs = [m for m in model.modules() if isinstance(m, ConvModule) and _folds(m)]
    for module in pairs:
        module.turn_on_efficient_conv_bn_eval()
    exchange_blocks(model)
    return len(pairs)


def _folds(module: ConvModule) -> bool:
    plain = type(module.conv).forward in (nn.Conv1d.forward, nn.Conv2d.forward, nn.Conv3d.forward)
    return plain and isinstance(module.norm, _BatchNorm) and not module.with_spectral_norm


def _norms(model: nn.Module, part: str) -> Iterator[Any]:
    try:
        module = model.get_submodule(part)
    except AttributeError:
        names = sorted(name for name, _ in model.named_children())
        raise InputError(
            f'freezing batch norm: {type(model).__name__} has no part {part!r}; it has {names}, and "" is all of it'
        ) from None
    return (layer for layer in module.modules() if _frozen_class(layer) is not None)


def _frozen_class(layer: nn.Module) -> type | None:
    """The frozen class for a layer's class or the nearest base of it: mmengine has a SyncBatchNorm of its own."""
    if isinstance(layer, _Frozen):
        return None
    return next((FROZEN[base] for base in type(layer).__mro__ if base in FROZEN), None)
