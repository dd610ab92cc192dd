"""Finds the class layers of a model when sizes alone do not tell, since both have the same number of classes."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmdet.registry import MODELS


def twin_shapes(config: Mapping[str, Any], count: int) -> dict[str, torch.Size]:
    """Shapes of the same model with one class more: what differs from the model's own are its class layers.

    The twin is built on the CPU and dropped; random numbers go on as if it had not been.

    Args:
        config: Config of a model with ``count`` classes; not changed. The twin has one more.
        count: Number of classes.

    Raises:
        Exception: Of any kind, where the model cannot be built for another number of classes.
    """
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            twin = MODELS.build(_with_classes(copy.deepcopy(config), count))
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
    return {name: value.shape for name, value in twin.state_dict().items()}


def _with_classes(config: Any, count: int) -> Any:
    """The config for one class more; it is changed."""
    if isinstance(config, dict):
        for key, value in config.items():
            raised = key == 'num_classes' and value == count
            config[key] = count + 1 if raised else _with_classes(value, count)
    elif isinstance(config, (list, tuple)):
        return type(config)(_with_classes(part, count) for part in config)
    return config
