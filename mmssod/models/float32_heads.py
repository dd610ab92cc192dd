"""Heads that predict in float32 under mixed precision, since mmdet gives anchors and decoded boxes the heads' type."""

from typing import Any, TypeVar

import torch
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.roi_heads.bbox_heads import BBoxHead
from mmengine.utils import apply_to
from torch import nn

Module = TypeVar('Module', bound=nn.Module)
HALF = (torch.float16, torch.bfloat16)


def float32_heads(model: Module) -> Module:
    """Let all dense heads and box heads of a model answer in float32, their layers as they are; returns the model.

    In half precision an anchor or a decoded box at 1300 pixels is off by up to 4 of them. Weights and their names stay.
    """
    for module in model.modules():
        known = answer_in_float32 in module._forward_hooks.values()
        if isinstance(module, (BaseDenseHead, BBoxHead)) and not known:
            module.register_forward_hook(answer_in_float32)
    return model


def answer_in_float32(head: nn.Module, inputs: Any, answer: Any) -> Any:
    """A forward hook: tensors of half precision as float32, in tuples, lists and dicts."""
    return apply_to(answer, is_half, torch.Tensor.float)


def is_half(value: Any) -> bool:
    """Whether it is a tensor in half precision."""
    return isinstance(value, torch.Tensor) and value.dtype in HALF
