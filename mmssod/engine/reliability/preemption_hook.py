"""On SIGTERM, Ctrl-C or a closed terminal: saves a checkpoint, then exits."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Collection
from typing import Any

import torch
from mmdet.registry import HOOKS
from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from torch.utils.data._utils import signal_handling

from mmssod.engine.reliability.whole_checkpoint_hook import checkpoint_hook
from mmssod.engine.runner_access import bare_model
from mmssod.engine.terminal import leave_closed, terminals
from mmssod.environment.errors import InputError

REPEATS = 10.0
"""Seconds in which the same signal is a repetition: of torchrun's agent, of a job's step and its shell."""

GRACE = 30
"""Seconds that a data worker lives on after SIGTERM; one that comes ``REPEATS`` later ends it at once."""

AGAIN = 2.0
"""The same of Ctrl-C, which torchrun's agent passes on to processes that the terminal told already."""

EXIT_CODE = 128 + signal.SIGTERM  # 143, what a shell says of a process that SIGTERM ended
INTERRUPTED = 128 + signal.SIGINT  # 130, the same of Ctrl-C
HUNG_UP = 128 + signal.SIGHUP  # 129, of a terminal that was closed


@HOOKS.register_module()
class PreemptionHook(Hook):
    """Saves a checkpoint and exits with code 143 when the process is told to end (SIGTERM, or SIGUSR1 of Slurm).

    Ctrl-C (SIGINT) does the same with code 130; pressed again two seconds later or after (``AGAIN``), it ends the
    process at once. A terminal that is closed (SIGHUP) does the same with code 129, unless ``nohup`` has it ignored.

    The signal is noted and acted on after the iteration, when the weights are whole; with accumulated gradients after
    the optimizer's step. So the time that the scheduler grants must be longer than that. An evaluation is left after
    its current batch, and run when the run goes on (``DueEvaluationHook``).

    A signal often comes twice: Slurm signals each process of a job and torchrun's agent passes its own on. So the same
    signal within 10 seconds (``REPEATS``) is ignored; one that comes later is meant, and ends the process at once.
    torchrun kills what still runs 30 seconds after it was told: where ``interval`` iterations and writing a checkpoint
    take longer, lower ``interval``.

    A scheduler often signals data workers, too: they go on for another 30 seconds, so that the process which they work
    for can save. Of Ctrl-C and SIGHUP, which a terminal sends to all processes, they hear nothing.

    With several processes, those that were told agree with the others every ``interval`` iterations, so that all save
    and exit after the same one: a signal to any process is enough. The run goes on with ``--resume``, bit by bit as if
    it had not been cut. After the last iteration there is nothing to do but its evaluation.

    An evaluation is not interrupted where its checkpoint would be another's: between the steps of accumulated
    gradients, or with mmengine's ``EMAHook``, which exchanges the weights, unless that checkpoint is there already.

    Args:
        interval: iterations between two agreements of several processes, >= 1.

    Raises:
        ValueError: ``interval`` below 1.
        SystemExit: with code 143, 130 or 129, after the checkpoint was saved.
    """

    priority = 95  # after CheckpointHook, so that the same iteration is not saved twice

    def __init__(self, interval: int = 10) -> None:
        if interval < 1:
            raise InputError(f'expected interval >= 1, got {interval}')
        global _training
        # Here, since mmengine 0.10.7 forks its data workers before any hook is called.
        _training = True
        self.interval = interval
        self._told: dict[int, float] = {}  # signal -> when it first came
        self._before: dict[int, Any] = {}
        self._terminals: list[int] = []

    def before_train(self, runner: Runner) -> None:
        """Listen; only the main thread of a process may."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
                self._before[number] = signal.signal(number, self._note)
            self._terminals = terminals()
            if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as of nohup
                self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._note)

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """Save and exit, if any process was told to."""
        steps = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        if self.is_last_train_iter(runner) or (runner.iter + 1) % steps:
            return
        if self._agreed(runner, (runner.iter + 1) // steps):
            self._stop(runner)

    def after_val_iter(self, runner: Runner, batch_idx: int, *_: Any, **__: Any) -> None:
        """Save and exit within an evaluation of a training, if any process was told to."""
        loop = runner._train_loop
        if not isinstance(loop, IterBasedTrainLoop) or batch_idx >= _common_batches(runner):
            return
        if not self._agreed(runner, batch_idx + 1):
            return
        loop._iter -= 1  # back to the iteration whose weights are evaluated
        try:
            steps = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
            hook = checkpoint_hook(runner)
            foreign = any(isinstance(other, EMAHook) for other in runner.hooks)
            if (hook and hook.saved(runner)) or not ((runner.iter + 1) % steps or foreign):
                self._stop(runner, ', in its evaluation')
        finally:
            loop._iter += 1

    def _stop(self, runner: Runner, where: str = '') -> None:
        hook = checkpoint_hook(runner)
        if hook is not None:
            hook.save_now(runner)
        runner.logger.warning(
            f'told to end: stopped after iteration {runner.iter + 1}{where}, '
            f'{"whose checkpoint is saved" if hook else "without a checkpoint, as the config has no hook for it"}; go '
            'on with --resume'
        )
        raise SystemExit(_exit_code(self._told))

    def close(self) -> None:
        """Give the signals back; called at the end of a run, also after an error."""
        global _training
        _training = False
        while self._before:
            signal.signal(*self._before.popitem())

    def _agreed(self, runner: Runner, number: int) -> bool:
        """Whether any process was told; several ask each other where ``interval`` divides the number."""
        if get_world_size() == 1:
            return bool(self._told)
        if number % self.interval:
            return False
        device = next(bare_model(runner).parameters()).device
        told = torch.tensor(int(bool(self._told)), device=device)
        all_reduce(told, op='max')
        return bool(told)

    def _note(self, number: int, frame: Any) -> None:
        now = time.monotonic()
        if number == signal.SIGHUP:
            leave_closed(self._terminals)
        pressed = number == signal.SIGINT
        if pressed and number not in self._told and os.environ.get('RANK', '0') == '0':
            # Not by print or a logger, which the signal may have interrupted.
            os.write(2, b'\nCtrl-C: saving a checkpoint after this iteration; again: end at once\n')
        if now - self._told.setdefault(number, now) > (AGAIN if pressed else REPEATS):
            raise SystemExit(_exit_code([number]))


_training = False


def _exit_code(signals: Collection[int]) -> int:
    """Of the first signal that says who ended the process; of none, and of SIGUSR1, that of SIGTERM."""
    codes: dict[int, int] = {signal.SIGINT: INTERRUPTED, signal.SIGHUP: HUNG_UP}
    return next((codes[one] for one in signals if one in codes), EXIT_CODE)


def _common_batches(runner: Runner) -> float:
    """How many batches of an evaluation every process has at least: only in these all can agree."""
    if get_world_size() == 1:
        return float('inf')
    loader = runner.val_loop.dataloader
    return len(loader.dataset) // get_world_size() // (loader.batch_size or sys.maxsize)


def _outlive_first_signal() -> None:
    """In a forked process: a data worker ends ``GRACE`` seconds after SIGTERM, another, as of a pool, at once.

    What only a data worker calls sets torch's handlers, of which that of SIGTERM ends it at once unless its parent
    sent it: ours comes behind them.
    """
    if not _training:
        return
    of_torch = signal_handling._set_worker_signal_handlers

    def set_handlers() -> None:
        of_torch()
        signal.signal(signal.SIGTERM, _Later())

    signal_handling._set_worker_signal_handlers = set_handlers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for number in (signal.SIGUSR1, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


class _Later:
    """A handler that ends its process ``GRACE`` seconds after the first signal, or at one that is no repetition."""

    def __init__(self) -> None:
        self.first: float | None = None

    def __call__(self, number: int, frame: Any) -> None:
        now = time.monotonic()
        if self.first is None:
            self.first = now
            signal.alarm(GRACE)
        elif now - self.first > REPEATS:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_outlive_first_signal)
