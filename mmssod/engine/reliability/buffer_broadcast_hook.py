"""Synchronizes batch norm statistics across processes before evaluations and checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from mmdet.registry import HOOKS
from mmengine.dist import all_gather_object, broadcast, get_rank, get_world_size
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import Runner

from mmssod.engine.runner_access import bare_model


@HOOKS.register_module()
class BufferBroadcastHook(Hook):
    """Gives all processes the first one's buffers before a checkpoint and before an evaluation.

    mmengine does not share buffers between processes, so statistics of batch norms that train (and
    those of an EMA teacher that follows them) differ by process. Only the first process's are in a
    checkpoint, and each process evaluates with its own. With this hook all evaluate the same model,
    and a run resumed from a checkpoint is bit by bit the run that went on. Between these moments
    nothing is communicated; buffers outside checkpoints stay as they are.

    An early checkpoint (``PreemptionHook``) comes where the run that is not told to end shares nothing. So it holds, as
    ``buffers_of_processes``, what differs in each process; each takes its own back when as many processes resume.
    """

    priority = 80  # after the EMA update, before CheckpointHook

    def __init__(self) -> None:
        self._to_save: list[dict[str, torch.Tensor]] = []
        self._to_take: dict[str, torch.Tensor] = {}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Note what of an early checkpoint is this process's."""
        parts = checkpoint.get('buffers_of_processes') or ()
        if runner._resume and len(parts) == get_world_size():
            self._to_take = parts[get_rank()]

    def before_train(self, runner: Runner) -> None:
        """Take it, now that the weights are loaded."""
        held = bare_model(runner).state_dict(keep_vars=True)
        for name, value in self._to_take.items():
            held[name].copy_(value)
        self._to_take = {}

    def before_early_checkpoint(self, runner: Runner) -> None:
        """Gather what differs; called on all processes by whoever saves between the planned checkpoints."""
        if get_world_size() > 1:
            model = bare_model(runner)
            own = {name: buffer.clone() for name, buffer in _held_buffers(model)}
            broadcast_buffers(model)
            differing = {
                name: own[name].cpu()
                for name, buffer in _held_buffers(model)
                if not torch.equal(own[name], buffer)
            }
            self._to_save = all_gather_object(differing)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put it into the checkpoint."""
        if self._to_save:
            checkpoint['buffers_of_processes'] = self._to_save
            self._to_save = []

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """Broadcast where a checkpoint follows."""
        if get_world_size() > 1 and checkpoint_follows(runner):
            broadcast_buffers(bare_model(runner))

    def before_val_epoch(self, runner: Runner) -> None:
        """Broadcast before an evaluation."""
        if get_world_size() > 1:
            broadcast_buffers(bare_model(runner))


def checkpoint_follows(runner: Runner) -> bool:
    """Whether a hook saves after the current iteration; for ``after_train_iter`` of an earlier hook."""
    return any(
        isinstance(hook, CheckpointHook)
        and not hook.by_epoch
        and (
            hook.every_n_train_iters(runner, hook.interval, hook.save_begin)
            or (hook.save_last and hook.is_last_train_iter(runner))
        )
        for hook in runner.hooks
    )


def broadcast_buffers(model: Any) -> None:
    """Replace all buffers that a checkpoint holds by those of process 0, in place."""
    for _, buffer in _held_buffers(model):
        broadcast(buffer)


def _held_buffers(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Name and buffer of those that a checkpoint holds."""
    held = model.state_dict(keep_vars=True)
    return ((name, buffer) for name, buffer in model.named_buffers() if name in held)
