"""A resumed run continues in the sampler's stream at once, with every mmengine."""

from __future__ import annotations

from typing import Any

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner


class _Forwarded:
    """A batch iterator whose first ``done`` batches were skipped in the sampler already."""

    def __init__(self, batches: Any, done: int) -> None:
        self.batches = batches
        self.done = done

    def __iter__(self) -> _Forwarded:
        return self

    def __next__(self) -> Any:
        if self.done > 0:  # the loop discards as many batches as were trained: give it nothing
            self.done -= 1
            return None
        return next(self.batches)


@HOOKS.register_module()
class FastResumeHook(Hook):
    """Resumes the data stream in constant time and with the seed of the interrupted run.

    onedl-mmengine asks the sampler to ``skip(num_samples)`` by itself. mmengine 0.10.7 loads and
    discards every batch that was trained; there this hook skips in the sampler and hands the loop
    an iterator that discards nothing. A sampler without ``skip`` keeps the loop's own way.

    A run without a configured seed draws one and stores it in its checkpoints; mmengine restores it
    on resume only after the sampler was built with another. The hook gives the sampler the right
    one.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        """Move the sampler to where the run was interrupted."""
        loop = runner.train_loop
        if runner.iter == 0 or not hasattr(loop, 'dataloader_iterator'):
            return
        sampler = loop.dataloader.sampler
        if isinstance(getattr(sampler, 'seed', None), int):
            sampler.seed = runner.seed
        batches = loop.dataloader_iterator
        if hasattr(batches, 'skip_iter') or not hasattr(sampler, 'skip'):
            return
        sampler.skip(runner.iter * loop.dataloader.batch_size)
        restart = type(batches)
        loop.dataloader_iterator = batches = None  # lets go of workers that run ahead in the past
        loop.dataloader_iterator = _Forwarded(restart(loop.dataloader), done=runner.iter)
