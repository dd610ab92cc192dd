"""Builds detectors from an unchanged config, with heads that return p and v in float32."""

from __future__ import annotations

import copy
from typing import Any

from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.registry import MODELS
from mmdet.utils import ConfigType
from torch import nn

from .dense_certainty import with_certainty
from .float32_heads import float32_heads


def build_detector(config: ConfigType) -> Any:
    """Build a detector.

    Of a copy: some of mmdet's classes (the DETR family) write into their config while they are built, and a second
    detector of the same config, a teacher, would find it changed.

    Args:
        config: Config of any mmdet detector; not changed.
    """
    return prepared(MODELS.build(copy.deepcopy(config)))


def prepared(model: nn.Module) -> Any:
    """A detector, or a model around some, whose heads answer p and v in float32; in place."""
    return with_certainty(float32_heads(complete(model)))


def complete(model: nn.Module) -> Any:
    """The model, whose dense heads have what mmdet reads of them in prediction: SSD's has no ``loss_cls``."""
    for module in model.modules():
        if isinstance(module, BaseDenseHead) and not hasattr(module, 'loss_cls'):
            module.loss_cls = None
    return model
