"""Processes whose batch norms drift apart are brought together where it shows."""

from __future__ import annotations

from typing import Any

from mmdet.registry import HOOKS
from mmengine.dist import broadcast, get_world_size
from mmengine.hooks import CheckpointHook, Hook

from mmssod.engine.runner_access import bare_model


@HOOKS.register_module()
class BufferBroadcastHook(Hook):
    """Gives all processes the first one's buffers before a checkpoint and before an evaluation.

    mmengine does not share buffers between processes, so statistics of batch norms that train (and
    those of an EMA teacher that follows them) differ by process. Only the first process's are in a
    checkpoint, and each process evaluates with its own. With this hook all evaluate the same model,
    and a run resumed from a checkpoint is bit by bit the run that went on. Between these moments
    nothing is communicated; buffers outside checkpoints stay as they are.
    """

    priority = 80  # after the EMA update, before CheckpointHook

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Broadcast where a checkpoint follows."""
        if get_world_size() > 1 and any(self._saves_now(hook, runner) for hook in runner.hooks):
            broadcast_buffers(bare_model(runner))

    def before_val_epoch(self, runner: Any) -> None:
        """Broadcast before an evaluation."""
        if get_world_size() > 1:
            broadcast_buffers(bare_model(runner))

    def _saves_now(self, hook: Hook, runner: Any) -> bool:
        if not isinstance(hook, CheckpointHook) or hook.by_epoch:
            return False
        return self.every_n_train_iters(runner, hook.interval, hook.save_begin) or (
            hook.save_last and self.is_last_train_iter(runner)
        )


def broadcast_buffers(model: Any) -> None:
    """Replace all buffers that a checkpoint holds by those of process 0, in place."""
    held = model.state_dict(keep_vars=True)
    for name, buffer in model.named_buffers():
        if name in held:
            broadcast(buffer)
