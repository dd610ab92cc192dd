"""Switches DINO from one-to-many to one-to-one assignment."""

from __future__ import annotations

from typing import Any

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmssod.engine.runner_access import bare_model
from mmssod.environment.errors import InputError


@HOOKS.register_module()
class MatchingStageHook(Hook):
    """Ends the first stage of a :class:`SemiDETRDetector` after a share of the training.

    The stage follows from the iteration and the length of the training alone, so a resumed run needs no state of it.

    Args:
        first: Share of the training that the first stage takes, in [0, 1].

    Raises:
        ValueError: For another share.
        TypeError: Before training, when the student's head knows no stages.

    Source: Semi-DETR's public code, 60k of 120k iterations, and as much of its other trainings.
    """

    cheap_to_build = True

    def __init__(self, first: float = 0.5) -> None:
        if not 0 <= first <= 1:
            raise InputError(f'expected 0 <= first <= 1, got first={first}')
        self.first = first

    def before_train(self, runner: Runner) -> None:
        """Raise an error for a model without stages."""
        head = getattr(bare_model(runner).student, 'bbox_head', None)
        if not hasattr(head, 'one_to_many'):
            raise TypeError(
                f'{type(self).__name__} needs a student with bbox_head.type=HybridDINOHead, got '
                f'{type(head).__name__}; remove the hook from default_hooks'
            )

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Set the stage of this iteration."""
        first = runner.iter < self.first * runner.max_iters
        bare_model(runner).student.bbox_head.assigner.match(one_to_many=first)
