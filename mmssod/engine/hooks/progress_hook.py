"""Progress: a bar on a terminal, plain log lines elsewhere, images per second in both."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import wraps
from statistics import fmean
from typing import Any

from mmdet.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import IterBasedTrainLoop, Runner

from mmssod.engine.progress import WINDOW, ProgressBar, duration, on_terminal
from mmssod.engine.runner_access import images_now


def _never_fatal(method: Callable[..., None]) -> Callable[..., None]:
    """A fault while drawing ends the bar, not the run."""

    @wraps(method)
    def guarded(self: ProgressHook, *args: Any, **kwargs: Any) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as error:  # whatever it is, training goes on
            self.close()
            self.show_bar = False
            MMLogger.get_current_instance().warning(f'no progress bar any more: {error!r}')

    return guarded


@HOOKS.register_module()
class ProgressHook(Hook):
    """Shows the progress of a run and its current figures.

    On a terminal a bar with phase, iterations, time left, images per second, time waited for data,
    losses, pseudo boxes per image and AP so far. Not on a terminal, and on all processes but the
    first, nothing is drawn. ``images_per_second`` (all processes together, training images) goes to
    the log and the visualizer in either case, beside mmengine's ``time`` and ``data_time``.

    The time left counts the evaluations to come as long as the last one.

    Args:
        bar: draw the bar; False leaves only the log.
        hide_log_lines: while the bar is drawn, keep routine lines off the terminal. They are in the
            log file; warnings always show.
    """

    priority = 55  # before LoggerHook, which reads images_per_second

    def __init__(self, bar: bool = True, hide_log_lines: bool = False) -> None:
        self.show_bar = bar
        self.hide_log_lines = hide_log_lines
        self._bar: ProgressBar | None = None
        self._step_times: deque[float] = deque(maxlen=WINDOW)
        self._data_times: deque[float] = deque([0.0], maxlen=WINDOW)
        self._last_end: float | None = None
        self._start = self._val_start = self._val_time = 0.0
        self._ap = ''

    def close(self) -> None:
        """Give the terminal back; safe to call at any time, more than once."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.stop()

    @_never_fatal
    def before_train(self, runner: Runner) -> None:
        """Open the bar."""
        self._open(runner)
        self._show('train', runner.iter, runner.max_iters, '')

    @_never_fatal
    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Note how long the data took."""
        self._start = time.perf_counter()
        if self._last_end is not None:  # None after a pause: an evaluation is no wait for data
            self._data_times.append(self._start - self._last_end)

    @_never_fatal
    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """Log images per second and redraw."""
        now = time.perf_counter()
        self._step_times.append(now - (self._last_end or self._start))
        self._last_end = now
        speed = images_now(runner) / max(fmean(self._step_times), 1e-9)
        runner.message_hub.update_scalar('train/images_per_second', speed)
        if self._bar is not None and self._bar.due(runner.iter + 1, runner.max_iters):
            self._show('train', runner.iter + 1, runner.max_iters, self._figures(runner, speed))

    @_never_fatal
    def before_val_epoch(self, runner: Runner) -> None:
        """Switch the bar to the evaluation."""
        self._val_start = time.perf_counter()
        self._show('val', 0, len(runner.val_dataloader), self._ap)

    @_never_fatal
    def after_val_iter(self, runner: Runner, batch_idx: int, *_: Any, **__: Any) -> None:
        """Advance."""
        self._show('val', batch_idx + 1, len(runner.val_dataloader), self._ap)

    @_never_fatal
    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Keep the AP to show beside the losses."""
        self._val_time = time.perf_counter() - self._val_start
        self._last_end = None
        for name, value in (metrics or {}).items():
            if name.endswith(('mAP', '/AP')):
                self._ap = f'{name.split("/")[-1]} {value:.3f}'
                break

    @_never_fatal
    def before_test(self, runner: Runner) -> None:
        """Open the bar for a test run."""
        self._open(runner)

    @_never_fatal
    def after_test_iter(self, runner: Runner, batch_idx: int, *_: Any, **__: Any) -> None:
        """Advance."""
        self._show('test', batch_idx + 1, len(runner.test_dataloader), '')

    def after_run(self, runner: Runner) -> None:
        """Close the bar."""
        self.close()

    def _open(self, runner: Runner) -> None:
        if self.show_bar and self._bar is None and is_main_process() and on_terminal():
            self._bar = ProgressBar([runner.logger], self.hide_log_lines)
            self._bar.start()

    def _show(self, phase: str, done: int, total: int, figures: str) -> None:
        if self._bar is not None:
            self._bar.show(phase, done, total, figures)

    def _figures(self, runner: Runner, speed: float) -> str:
        left = runner.max_iters - runner.iter - 1
        by_iteration = isinstance(runner.train_loop, IterBasedTrainLoop) and runner.val_loop
        evaluations = left // runner.val_interval if by_iteration else 0
        seconds = left * fmean(self._step_times) + evaluations * self._val_time
        parts = [
            f'{duration(seconds)} left',
            f'{speed:.1f} images/s (data {1000 * fmean(self._data_times):.0f} ms)',
            *_losses(runner),
            self._ap,
        ]
        return '  '.join(part for part in parts if part)


def _losses(runner: Runner) -> list[str]:
    """Total, supervised and unsupervised loss and pseudo boxes per image, means of the last iterations."""
    means = {
        name.removeprefix('train/'): history.mean(WINDOW)
        for name, history in runner.message_hub.log_scalars.items()
        if name.startswith('train/') and ('loss' in name or name.endswith('pseudo_boxes'))
    }
    shown = [f'loss {means["loss"]:.3f}'] if 'loss' in means else []
    for branch in ('sup', 'unsup'):
        terms = [v for k, v in means.items() if k.startswith(f'{branch}_') and 'loss' in k]
        if terms:
            shown.append(f'{branch} {sum(terms):.3f}')
    if 'pseudo_boxes' in means:
        shown.append(f'{means["pseudo_boxes"]:.1f} pseudo boxes/image')
    return shown
