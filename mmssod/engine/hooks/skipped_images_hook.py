"""Unlabeled images that cannot be read: counted, listed, and too many of them an error."""

from __future__ import annotations

import os.path as osp
from typing import Any

from mmdet.registry import HOOKS
from mmengine.hooks import Hook

from mmssod.engine.runner_access import sources
from mmssod.environment.whole_files import write_whole

SHOWN = 5


@HOOKS.register_module()
class SkippedImagesHook(Hook):
    """Reports the images that ``UnlabeledDataset`` skipped, and stops a run that skips too many.

    Every ``interval`` iterations and at the end, new ones are named in the log as a warning, and all of them are in
    ``skipped_images.txt`` of the work directory (``..._rank1.txt`` of the second process, and so on), one a line with
    the reason. What is trained does not depend on it: which image stands in for a skipped one is fixed.

    Args:
        limit: greatest share of a source's images that may be skipped, in [0, 1]; a single image always may.
        interval: iterations between two looks, >= 1.

    Raises:
        ValueError: an argument out of its range.
        RuntimeError: more images than ``limit`` were skipped; names the file with all of them.
    """

    def __init__(self, limit: float = 0.05, interval: int = 50) -> None:
        if not 0 <= limit <= 1 or interval < 1:
            raise ValueError(
                f'expected limit in [0, 1] and interval >= 1, got limit={limit}, interval={interval}'
            )
        self.limit = limit
        self.interval = interval
        self._known: dict[str, str] = {}

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Look every ``interval`` iterations."""
        if self.every_n_train_iters(runner, self.interval):
            self._look(runner)

    def after_train(self, runner: Any) -> None:
        """Look at the end."""
        self._look(runner)

    def _look(self, runner: Any) -> None:
        for name, source in sources(runner.train_dataloader.dataset).items():
            skipped = getattr(source, 'skipped', None)
            if skipped is not None:
                self._report(runner, name, len(source), skipped.read())

    def _report(self, runner: Any, name: str, images: int, skipped: dict[str, str]) -> None:
        new = {path: why for path, why in skipped.items() if path not in self._known}
        if not new:
            return
        self._known.update(new)
        rank = f'_rank{runner.rank}' if runner.rank else ''
        file = osp.join(runner.work_dir, f'skipped_images{rank}.txt')
        write_whole(file, ''.join(f'{why}\n' for why in self._known.values()).encode())
        shown = '; '.join(list(new.values())[:SHOWN]) + ('; ...' if len(new) > SHOWN else '')
        said = (
            f'{len(skipped)} of {images} images of the source {name} cannot be read and were skipped, others stood in '
            f'for them: {shown}. All are in {file}'
        )
        if len(skipped) > max(1, self.limit * images):
            raise RuntimeError(
                f'{said}. That is more than the limit of {self.limit:.0%} '
                '(default_hooks.skipped_images.limit): mend or remove them, then go on with --resume'
            )
        runner.logger.warning(said)
