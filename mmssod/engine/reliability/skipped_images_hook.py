"""Counts and lists unlabeled images that cannot be read, and raises an error if there are too many."""

from __future__ import annotations

import os.path as osp
from typing import Any

import torch
from mmdet.registry import HOOKS
from mmengine.dist import all_gather_object, all_reduce, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmssod.engine.reliability.buffer_broadcast_hook import checkpoint_follows
from mmssod.engine.runner_access import bare_model, sources
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole

SHOWN = 5
_KEPT = 'skipped_images'  # in the message hub, and so in checkpoints


@HOOKS.register_module()
class SkippedImagesHook(Hook):
    """Reports the images that ``UnlabeledDataset`` skipped, and stops a run that skips too many.

    Every ``interval`` iterations, before a checkpoint and at the end, new ones are named in the log as a warning, and
    all of them are in ``skipped_images.txt`` of the work directory, one a line with the reason. They are those of all
    processes, and of the run before a resume: checkpoints hold the list. What is trained does not depend on it: which
    image stands in for a skipped one is fixed.

    Processes tell each other one number at each look, and the images only where there are new ones.

    Args:
        limit: greatest share of a source's images that may be skipped, in [0, 1]; a single image always may.
        interval: iterations between two looks, >= 1.

    Raises:
        ValueError: an argument out of its range.
        RuntimeError: more images than ``limit`` were skipped; names the file with all of them.
    """

    cheap_to_build = True

    def __init__(self, limit: float = 0.05, interval: int = 50) -> None:
        if not 0 <= limit <= 1 or interval < 1:
            raise InputError(
                f'expected limit in [0, 1] and interval >= 1, got limit={limit}, interval={interval}'
            )
        self.limit = limit
        self.interval = interval
        self._known: dict[str, dict[str, str]] = {}  # source -> path -> reason

    def before_train(self, runner: Runner) -> None:
        """Take the list of the run that goes on."""
        kept = runner.message_hub.runtime_info.get(_KEPT, {}) if runner.iter else {}
        self._known = {name: dict(images) for name, images in kept.items()}

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """Look every ``interval`` iterations, and where a checkpoint follows."""
        if self.every_n_train_iters(runner, self.interval) or checkpoint_follows(runner):
            self._look(runner)

    def before_early_checkpoint(self, runner: Runner) -> None:
        """Look before a checkpoint that a signal asks for."""
        self._look(runner)

    def after_train(self, runner: Runner) -> None:
        """Look at the end."""
        self._look(runner)

    def _look(self, runner: Runner) -> None:
        parts = sources(runner.train_dataloader.dataset)
        news = _of_all_processes(
            runner, {name: self._new(name, part) for name, part in parts.items()}
        )
        for name, new in news.items():
            self._known.setdefault(name, {}).update(new)
        if news:
            runner.message_hub.update_info(_KEPT, self._known)
        for name, new in news.items():
            self._report(runner, name, len(parts[name]), new)

    def _new(self, name: str, source: Any) -> dict[str, str]:
        skipped = getattr(source, 'skipped', None)
        known = self._known.get(name, {})
        return {p: why for p, why in skipped.read().items() if p not in known} if skipped else {}

    def _report(self, runner: Runner, name: str, images: int, new: dict[str, str]) -> None:
        file = osp.join(runner.work_dir, 'skipped_images.txt')
        if runner.rank == 0:
            lines = [f'{why}\n' for known in self._known.values() for why in known.values()]
            write_whole(file, ''.join(lines).encode(errors='backslashreplace'))
        shown = '; '.join(list(new.values())[:SHOWN]) + ('; ...' if len(new) > SHOWN else '')
        skipped = len(self._known[name])
        said = (
            f'{skipped} of {images} images of the source {name} cannot be read and were skipped, others stood in '
            f'for them: {shown}. All are in {file}'
        )
        if skipped > max(1, self.limit * images):
            raise RuntimeError(
                f'{said}. That is more than the limit of {self.limit:.0%} '
                '(default_hooks.skipped_images.limit): fix or remove them, then go on with --resume'
            )
        if runner.rank == 0:
            runner.logger.warning(said)


def _of_all_processes(runner: Runner, own: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Source -> path -> reason of what any process met; without the sources that have nothing new."""
    everybody = [own]
    if get_world_size() > 1:
        device = next(bare_model(runner).parameters()).device
        count = torch.tensor(sum(map(len, own.values())), device=device)
        all_reduce(count)
        everybody = all_gather_object(own) if count else []
    merged: dict[str, dict[str, str]] = {}
    for part in everybody:
        for name, images in part.items():
            if images:
                merged.setdefault(name, {}).update(images)
    return merged
