"""Limits the in-memory log, so that iterations do not get slower over a long run."""

from __future__ import annotations

from typing import Any

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmssod.environment.errors import InputError

ALL = 1_000_000  # what mmengine keeps


@HOOKS.register_module()
class ShortHistoryHook(Hook):
    """Keeps the newest values of each logged scalar.

    mmengine keeps a million of each, in memory and in every checkpoint, and copies them all for each new one: at
    iteration 100 000 that is milliseconds per step and tens of MB per checkpoint. What is written to files, such as
    ``scalars.json``, is not touched. Scalars that ``log_processor.custom_cfg`` averages over a whole run or epoch
    (``window_size='global'`` or ``'epoch'``) are kept whole.

    Args:
        length: Values that are kept.

    Raises:
        ValueError: ``length`` below a window of the log.
    """

    priority = 'LOW'  # after all that read what this iteration logged, before the checkpoint

    def __init__(self, length: int = 1000) -> None:
        self.length = length

    def before_train(self, runner: Runner) -> None:
        """Check the length."""
        log = runner.log_processor
        sizes = [log.window_size, *(entry.get('window_size') for entry in log.custom_cfg)]
        longest = max(size for size in sizes if isinstance(size, int))
        if self.length < longest:
            raise InputError(
                f'ShortHistoryHook.length: expected at least {longest}, over which log_processor averages, got '
                f'{self.length}; raise it or lower the window_size'
            )

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """Bound each scalar's history, which then forgets by itself."""
        custom = runner.log_processor.custom_cfg
        whole = {entry['data_src'] for entry in custom if isinstance(entry.get('window_size'), str)}
        for name, history in runner.message_hub.log_scalars.items():
            history.max_length = ALL if name.split('/', 1)[-1] in whole else self.length
