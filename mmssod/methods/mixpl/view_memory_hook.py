"""Saves the remembered views of MixPL in checkpoints."""

from __future__ import annotations

from typing import Any, TypeAlias

from mmdet.registry import HOOKS
from mmengine.dist import all_gather_object, get_rank, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmssod.engine.reliability.buffer_broadcast_hook import checkpoint_follows
from mmssod.engine.runner_access import bare_model
from mmssod.structures import PseudoLabels

Entries: TypeAlias = list[tuple[Tensor, dict[str, Tensor]]]
REMEMBERED = 'view_memory'  # in checkpoints: one entry a process


@HOOKS.register_module()
class ViewMemoryHook(Hook):
    """Saves the views that a :class:`MixPLDetector` remembers; a resumed run goes on with them.

    Each process remembers views of its own, and all of them are in the checkpoint. They are no weights: a run that only
    starts from a checkpoint begins with an empty memory, and so does one that is resumed by another number of
    processes. With several processes a checkpoint of the best evaluation lacks them.
    """

    priority = 80  # before CheckpointHook

    def __init__(self) -> None:
        self._of_all: list[Entries] = []

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take what this process remembered."""
        parts = checkpoint.get(REMEMBERED) or ()
        if runner._resume and len(parts) == get_world_size():
            memory = bare_model(runner).memory
            memory.clear()
            memory.extend((image, PseudoLabels(**labels)) for image, labels in parts[get_rank()])

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Gather where a checkpoint follows."""
        if get_world_size() > 1 and checkpoint_follows(runner):
            self.before_early_checkpoint(runner)

    def before_early_checkpoint(self, runner: Runner) -> None:
        """Gather what all processes remember; called on all of them."""
        of_all = all_gather_object(remembered(runner))
        self._of_all = of_all if is_main_process() else []

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put it into the checkpoint."""
        alone = get_world_size() == 1
        checkpoint[REMEMBERED] = [remembered(runner)] if alone else self._of_all
        self._of_all = []


def remembered(runner: Runner) -> Entries:
    """Each view, oldest first, and the fields of its labels, on the host."""
    return [
        (image.cpu(), {name: value.cpu() for name, value in vars(labels).items()})
        for image, labels in bare_model(runner).memory
    ]
