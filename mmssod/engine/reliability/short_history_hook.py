"""A log in memory that does not grow, so that a late step costs no more than an early one."""

from __future__ import annotations

from typing import Any

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner

from mmssod.environment.errors import InputError


@HOOKS.register_module()
class ShortHistoryHook(Hook):
    """Keeps the newest values of each logged scalar.

    mmengine keeps a million of each, in memory and in every checkpoint, and copies them all for each new one: at
    iteration 100 000 that is milliseconds a step and tens of megabytes a checkpoint. What is written to files, such as
    ``scalars.json``, is not touched. Scalars that ``log_processor.custom_cfg`` averages over a whole run or epoch
    (``window_size='global'`` or ``'epoch'``) are kept whole.

    Args:
        length: Values that are kept; at times twice as many are there.

    Raises:
        ValueError: ``length`` below a window of the log.
    """

    priority = 'LOW'  # after all that read what this iteration logged, before the checkpoint

    def __init__(self, length: int = 1000) -> None:
        self.length = length

    def before_train(self, runner: Runner) -> None:
        """Check the length, and shorten what a checkpoint of a run without this hook brought."""
        log = runner.log_processor
        sizes = [log.window_size, *(entry.get('window_size') for entry in log.custom_cfg)]
        longest = max(size for size in sizes if isinstance(size, int))
        if self.length < longest:
            raise InputError(
                f'ShortHistoryHook.length: expected at least {longest}, over which log_processor averages, got '
                f'{self.length}; raise it or lower the window_size'
            )
        self._shorten(runner, 2 * self.length)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Shorten them, once in ``length`` iterations: at the same ones in a run that is resumed."""
        if self.every_n_train_iters(runner, self.length):
            self._shorten(runner, self.length)

    def _shorten(self, runner: Runner, most: int) -> None:
        custom = runner.log_processor.custom_cfg
        whole = {entry['data_src'] for entry in custom if isinstance(entry.get('window_size'), str)}
        histories = runner.message_hub.log_scalars
        for name, history in histories.items():
            if len(history.data[0]) > most and name.split('/', 1)[-1] not in whole:
                histories[name] = HistoryBuffer(*(part[-self.length :] for part in history.data))
