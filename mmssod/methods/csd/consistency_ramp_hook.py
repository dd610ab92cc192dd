"""Schedules the weight of the consistency losses."""

from __future__ import annotations

from typing import Any

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmssod.engine.runner_access import bare_model
from mmssod.environment.errors import InputError
from mmssod.methods.csd.consistency import ramp


@HOOKS.register_module()
class ConsistencyRampHook(Hook):
    """Raises the weight of a ``ConsistencyDetector``'s losses, holds it, and lowers it at the end.

    The weight follows from the iteration and the length of the training alone, so a resumed run needs no state of it.

    Args:
        up: share of the training after which the weight is 1, in (0, 1).
        down: share of the training after which it falls, in [up, 1).

    Raises:
        ValueError: shares out of their range.
        TypeError: before training, when the model has no such weight.

    Source: CSD's public code, 32k and 100k of 120k iterations.
    """

    def __init__(self, up: float = 4 / 15, down: float = 5 / 6) -> None:
        if not 0 < up <= down < 1:
            raise InputError(f'expected 0 < up <= down < 1, got up={up}, down={down}')
        self.up = up
        self.down = down

    def before_train(self, runner: Runner) -> None:
        """Raise an error for a model without consistency losses."""
        model = bare_model(runner)
        if not hasattr(model, 'ramp'):
            raise TypeError(
                f'{type(self).__name__} needs a ConsistencyDetector, the model is '
                f'{type(model).__name__}; remove the hook from default_hooks'
            )

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Set the weight of this iteration."""
        bare_model(runner).ramp = ramp(runner.iter / runner.max_iters, self.up, self.down)
