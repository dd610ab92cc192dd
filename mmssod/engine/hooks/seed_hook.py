"""Randomness inside the model that depends on the iteration, not on the past."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

_MASK = (1 << 64) - 1


def mix(*values: int) -> int:
    """Hash integers to 64 bits (splitmix64 over the values): neighbours give unrelated seeds."""
    state = 0
    for value in values:
        state = (state ^ (value & _MASK)) + 0x9E3779B97F4A7C15 & _MASK
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & _MASK
        state ^= state >> 31
    return state


@HOOKS.register_module()
class SeedHook(Hook):
    """Seeds Python's, NumPy's and torch's generators before each training iteration.

    The seed is a hash of (the run's seed, the process's rank, the iteration). MMDetection's RoI and
    anchor samplers draw with ``torch.randperm``; with this hook what they draw in iteration i is
    the same in a run that was interrupted and resumed and in one that was not. Generators of GPUs
    are seeded too, without a device synchronisation.
    """

    priority = 'HIGHEST'

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed all generators for the iteration that begins."""
        seed = mix(runner.seed, runner.rank, runner.iter)
        random.seed(seed)
        np.random.seed(seed & 0xFFFFFFFF)
        torch.manual_seed(seed)
