"""Freezes batch norm in any part of any detector."""

from __future__ import annotations

from collections.abc import Sequence

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmssod.engine.runner_access import bare_model
from mmssod.environment.errors import InputError
from mmssod.models.frozen_batch_norm import fold_batch_norm, freeze_batch_norm


@HOOKS.register_module()
class FreezeBatchNormHook(Hook):
    """Fixes statistics, scale and shift of batch norm layers before training.

    In a run with teacher and student the student's layers; the teacher is in eval mode and follows it. Fixed layers,
    and those of the teacher, are folded into the convolutions before them, which changes the time of a step alone. The
    model's config stays as it is, so an exported detector is a plain one.

    Args:
        parts: Modules of the detector by name, such as ``['backbone', 'neck']``; by default the whole detector; an
            empty list freezes nothing.

    Raises:
        ValueError: Before training, if the detector has no such part.
    """

    priority = 'HIGHEST'  # before the checks, which look at what learns

    def __init__(self, parts: Sequence[str] = ('',)) -> None:
        if isinstance(parts, str):
            raise InputError(
                f'FreezeBatchNormHook: expected parts to be a list of names, got {parts!r}; write [{parts!r}]'
            )
        self.parts = tuple(parts)

    def before_train(self, runner: Runner) -> None:
        """Freeze; names of parameters and buffers stay, so a resumed run and its checkpoints know nothing of it."""
        model = bare_model(runner)
        count = freeze_batch_norm(getattr(model, 'student', model), self.parts)
        if count:
            fold_batch_norm(model)
        runner.logger.info(f'batch norm: statistics, scale and shift of {count} layers are fixed')
