"""Resumes a run exactly: random numbers, position in the data, schedules, and evaluations that are due."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Mapping
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.registry import HOOKS
from mmengine.dist import broadcast_object_list
from mmengine.hooks import Hook
from mmengine.optim import _ParamScheduler
from mmengine.runner import IterBasedTrainLoop, Runner

from mmssod.environment.whole_files import write_whole

EVALUATED = 'last_evaluation'
"""File of a work directory with the number of iterations after which it was last evaluated."""
_PROGRESS = ('last_step', '_global_step', '_last_value', 'base_values', 'verbose')

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

    The seed is a hash of (the run's seed, the process's rank, the iteration). MMDetection's RoI and anchor samplers
    draw with ``torch.randperm``; with this hook what they draw in iteration i is the same in a run that was interrupted
    and resumed and in one that was not. Generators of GPUs are seeded too, without a device synchronisation.
    """

    priority = 'HIGHEST'

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed all generators for the iteration that begins."""
        seed = mix(runner.seed, runner.rank, runner.iter)
        random.seed(seed)
        np.random.seed(seed & 0xFFFFFFFF)
        torch.manual_seed(seed)


@HOOKS.register_module()
class FastResumeHook(Hook):
    """Resumes the data stream in constant time and with the seed of the interrupted run.

    onedl-mmengine asks the sampler to ``skip(num_samples)`` by itself. mmengine 0.10.7 loads and
    discards every batch that was trained; there this hook skips in the sampler and hands the loop
    that many empty batches to discard. A sampler without ``skip`` keeps the loop's own way.

    A run without a configured seed draws one and stores it in its checkpoints; mmengine restores it on resume only
    after the sampler was built with another. The hook gives the sampler the right one.
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
        loop.dataloader_iterator = _after_empty(runner.iter, restart(loop.dataloader))


def _after_empty(number: int, batches: Any) -> Iterator[Any]:
    """So many empty batches, then those of an endless iterator."""
    yield from repeat(None, number)
    while True:
        yield next(batches)


@HOOKS.register_module()
class DueEvaluationHook(Hook):
    """Evaluates at the start of a resumed run what was due after its checkpoint's iteration and did not end.

    A checkpoint is saved before the evaluation of the same iteration, and mmengine's loop evaluates only behind an
    iteration that it trained. So a run that is killed while it evaluates, or told to end before it, would never get
    that evaluation; killed in the last one, it would end without any. This hook keeps the iteration of the last
    evaluation that ended in a file, ``last_evaluation`` of the work directory.

    Args:
        first: Also evaluate what a run starts from, before its first iteration: a start that training makes worse is
            then the best checkpoint, and stays.
    """

    priority = 'LOWEST'  # after all that an evaluation sets off: the best checkpoint is saved

    def __init__(self, first: bool = False) -> None:
        self.first = first

    def before_train_epoch(self, runner: Runner) -> None:
        """Evaluate, if that is due; the loop calls this once, before its first iteration."""
        if runner.iter == 0:
            if runner.rank == 0:  # of another run
                (Path(runner.work_dir) / EVALUATED).unlink(missing_ok=True)
            if self.first and runner.val_loop is not None:
                runner.val_loop.run()
        elif _due(runner) and last_evaluated(runner) < runner.iter:
            runner.logger.info(
                f'the evaluation after iteration {runner.iter} did not end before: it is run now'
            )
            runner.val_loop.run()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Note that it ended."""
        if runner.rank == 0 and isinstance(runner.train_loop, IterBasedTrainLoop):
            write_whole(Path(runner.work_dir) / EVALUATED, str(runner.iter))


def last_evaluated(runner: Runner) -> int:
    """The iteration after which the run was last evaluated to the end, 0 for none; to be asked by all processes."""
    try:
        numbers = [int((Path(runner.work_dir) / EVALUATED).read_text())]
    except (FileNotFoundError, ValueError):
        numbers = [0]
    broadcast_object_list(numbers)  # others may not see the first one's files at once
    return numbers[0]


def _due(runner: Runner) -> bool:
    """Whether mmengine's loop would have evaluated behind the iteration that the checkpoint is of."""
    loop = runner.train_loop
    if not isinstance(loop, IterBasedTrainLoop) or runner.val_loop is None:
        return False
    loop._decide_current_val_interval()
    last = loop.iter == loop.max_iters
    return loop.iter >= loop.val_begin and (last or loop.iter % loop.val_interval == 0)


def settings_of(schedulers: Any) -> list[dict[str, Any]] | None:
    """What each schedule was built with; None where there are none, or those of several optimizers.

    Args:
        schedulers: of a runner.
    """
    if not isinstance(schedulers, list) or not schedulers:
        return None
    if not all(isinstance(scheduler, _ParamScheduler) for scheduler in schedulers):
        return None
    return [
        {key: value for key, value in scheduler.state_dict().items() if key not in _PROGRESS}
        for scheduler in schedulers
    ]


def follow(runner: Runner, wanted: list[dict[str, Any]] | None) -> None:
    """Move the schedules of a run that was just resumed to where those of its config would be; says what differs.

    mmengine would keep the end of the old ones. The values are those of a run that had this schedule from its first
    iteration. Where nothing differs, nothing changes, to the bit.

    Args:
        runner: changed: its schedules, and the optimizer's values that they move.
        wanted: :func:`settings_of` its schedules before the checkpoint was read.
    """
    resumed = settings_of(runner.param_schedulers)
    if wanted is None or resumed is None or wanted == resumed:
        return
    schedulers = runner.param_schedulers
    for scheduler, settings in zip(schedulers, wanted, strict=True):
        scheduler.__dict__.update(settings, last_step=-1, _global_step=-1)
        for group in scheduler.optimizer.param_groups:
            group[scheduler.param_name] = group[f'initial_{scheduler.param_name}']
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # that no optimizer step lies between
        for step in range(runner.iter + 1):
            for scheduler in schedulers:
                if step <= (runner.epoch if scheduler.by_epoch else runner.iter):
                    scheduler.step()
    differences = {
        f'{key} {old.get(key)} -> {new.get(key)}': None
        for old, new in zip(resumed, wanted, strict=True)
        for key in new
        if old.get(key) != new.get(key)
    }
    runner.logger.warning(
        f"resumed with another schedule than the checkpoint's ({'; '.join(differences)}): the learning rate "
        f'goes on as in a run that had this one from its start, now {schedulers[-1].get_last_value()[0]:.4g}'
    )


def warm_up_end(cfg: Mapping[str, Any]) -> int:
    """The iteration until which the learning rate rises, by the ``LinearLR`` of a config; 0 where it does not."""
    schedule = cfg.get('param_scheduler') or []
    steps = [schedule] if isinstance(schedule, Mapping) else schedule
    rises = [s for s in steps if s.get('type') == 'LinearLR' and not s.get('by_epoch', True)]
    return max((step.get('end') or 0 for step in rises), default=0)
