"""Detectors as this package trains them: built from a config that is not changed; heads answer p and v in float32."""

from __future__ import annotations

import copy
from typing import Any

from mmdet.registry import MODELS
from mmdet.utils import ConfigType

from .dense_certainty import with_certainty
from .float32_heads import float32_heads


def build_detector(config: ConfigType) -> Any:
    """Build a detector.

    Of a copy: some of mmdet's classes (the DETR family) write into their config while they are built, and a second
    detector of the same config, a teacher, would find it changed.

    Args:
        config: Of any mmdet detector; not changed.
    """
    return with_certainty(float32_heads(MODELS.build(copy.deepcopy(config))))
