"""Ends a training when its evaluations stop improving."""

from __future__ import annotations

import json
from pathlib import Path

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from mmssod.engine.reliability.resume import last_evaluated, warm_up_end
from mmssod.engine.reliability.whole_checkpoint_hook import checkpoint_hook
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole

STOPPED = 'stopped_early.json'
"""File of a work directory that says at which iteration the training was ended early."""


@HOOKS.register_module()
class StopEarlyHook(Hook):
    """Ends the training after ``patience`` evaluations in a row that were not better than the best one.

    Those while the learning rate still rises (``LinearLR``) do not count.

    What is best is what ``WholeCheckpointHook(save_best='auto')`` keeps, so nothing is to be resumed: how long ago that
    was follows from its iteration. A checkpoint is saved, and ``stopped_early.json`` in the work directory tells
    ``mmssod run`` that the training is complete; resumed, it ends at once. mmengine's ``EarlyStoppingHook`` forgets its
    count at a resume, needs the metric's name, and goes on with a run that it had ended.

    Args:
        patience: Evaluations, >= 1. Learning rates often fall late in a training and AP then rises: evaluate so often
            that ``patience`` evaluations reach beyond the next fall.

    Raises:
        ValueError: ``patience`` below 1; before training: no best checkpoint is kept, or epochs are counted.
    """

    cheap_to_build = True

    priority = 92  # after CheckpointHook, which knows the best one; before PreemptionHook

    def __init__(self, patience: int) -> None:
        if patience < 1:
            raise InputError(f'expected patience >= 1, got {patience}')
        self.patience = patience
        self._start = 0

    def before_train(self, runner: Runner) -> None:
        """Check what it relies on."""
        self._start = runner.iter
        hook = checkpoint_hook(runner)
        if hook is None or not hook.save_best:
            raise InputError(
                "StopEarlyHook: expected default_hooks.checkpoint=dict(type='WholeCheckpointHook', save_best='auto'), "
                f'got {"no such hook" if hook is None else "save_best=None"}; set it, or leave StopEarlyHook out'
            )
        if not isinstance(runner.train_loop, IterBasedTrainLoop):
            raise InputError(
                'StopEarlyHook: expected train_cfg.type=IterBasedTrainLoop, got '
                f'{type(runner.train_loop).__name__}; count iterations, or leave StopEarlyHook out'
            )

    def before_train_epoch(self, runner: Runner) -> None:
        """Forget an earlier run's end; end at once where the resumed one had ended."""
        if runner.rank == 0:
            (Path(runner.work_dir) / STOPPED).unlink(missing_ok=True)
        if runner.iter and last_evaluated(runner) == runner.iter:
            self._decide(runner)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """End the training, if it is time to."""
        self._decide(runner)

    def _decide(self, runner: Runner) -> None:
        loop, hook = runner.train_loop, checkpoint_hook(runner)
        best = hook.best_iteration(runner) if hook is not None else None
        if hook is None or best is None or runner.iter >= loop.max_iters:
            return
        waited = -(-(runner.iter - max(best, warm_up_end(runner.cfg))) // loop.val_interval)
        if waited < self.patience:
            return
        if runner.iter != self._start:  # the checkpoint that was resumed is there
            loop._iter -= 1  # as after the iteration that was evaluated
            hook.save_now(runner)
            loop._iter += 1
        loop.stop_training = True
        runner.logger.warning(
            f'stopped early, after {runner.iter} of {loop.max_iters} iterations: {waited} evaluations were not better '
            f'than the one after {best}, which is kept (patience {self.patience})'
        )
        if runner.rank == 0:
            facts = dict(
                iteration=runner.iter, best=best, max_iters=loop.max_iters, patience=self.patience
            )
            write_whole(Path(runner.work_dir) / STOPPED, json.dumps(facts))
