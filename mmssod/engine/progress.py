"""A progress bar on a terminal, and the moving averages it shows.

The bar is drawn by rich below the log: while it is shown, log lines that go to the same terminal
are printed above it by rich, so neither garbles the other. It is redrawn by the thread that reports
progress: a thread of its own could hold rich's lock while data workers are forked, and a worker
that prints would then wait for ever.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

REDRAW_SECONDS = 0.25


class MovingAverage:
    """Exponential moving average without a bias towards its start.

    Args:
        keep: share of the past that an update keeps, in [0, 1).
    """

    def __init__(self, keep: float = 0.95) -> None:
        self.keep = keep
        self._sum = 0.0
        self._weight = 0.0

    def update(self, value: float) -> None:
        """Add a value."""
        self._sum = self.keep * self._sum + (1 - self.keep) * value
        self._weight = self.keep * self._weight + (1 - self.keep)

    @property
    def value(self) -> float:
        """The average; 0 before the first update."""
        return self._sum / self._weight if self._weight else 0.0


def duration(seconds: float) -> str:
    """Whole seconds as ``h:mm:ss``, never negative."""
    return str(timedelta(seconds=max(0, round(seconds))))


def on_terminal() -> bool:
    """Whether stdout is a terminal that can redraw a line."""
    return bool(sys.stdout and sys.stdout.isatty()) and os.environ.get('TERM', '') not in (
        '',
        'dumb',
    )


class ProgressBar:
    """One bar with a line of figures under it; the phase and the total may change on the way.

    Args:
        loggers: loggers whose lines to the terminal are printed above the bar.
        hide_log_lines: leave those lines out (warnings and errors still show).
        console: where to draw; by default stdout.
    """

    def __init__(
        self,
        loggers: list[logging.Logger],
        hide_log_lines: bool = False,
        console: Console | None = None,
    ) -> None:
        self._progress = Progress(
            TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), auto_refresh=False
        )
        self._figures = Text(no_wrap=True, overflow='ellipsis')
        self._live = Live(
            console=console or Console(file=sys.stdout),
            get_renderable=lambda: Group(self._progress.get_renderable(), self._figures),
            auto_refresh=False,
        )
        self._hide = hide_log_lines
        self._loggers = loggers
        self._levels: list[tuple[Any, Any, int]] = []
        self._streams = sys.stdout, sys.stderr
        self._drawn = 0.0
        self._task = self._progress.add_task('', total=None)

    def start(self) -> None:
        """Draw the bar until ``stop``, or until the process ends."""
        global _shown
        self._streams = before, _ = sys.stdout, sys.stderr
        self._live.start(refresh=True)
        _shown = self
        for handler in (h for logger in self._loggers for h in logger.handlers):
            if isinstance(handler, logging.StreamHandler) and handler.stream is before:
                self._levels.append((handler, before, handler.level))
                handler.setStream(sys.stdout)  # rich's own, which prints above the bar
                if self._hide:
                    handler.setLevel(max(handler.level, logging.WARNING))
        atexit.register(self.stop)

    def due(self, done: int, total: int | None) -> bool:
        """Whether ``show`` would draw: not so soon again, but always the end of a phase."""
        return done == total or time.monotonic() - self._drawn >= REDRAW_SECONDS

    def show(self, phase: str, done: int, total: int | None, figures: str) -> None:
        """Draw this state, if it is ``due``."""
        if not self.due(done, total):
            return
        self._drawn = time.monotonic()
        self._progress.update(self._task, description=phase, completed=done, total=total)
        self._figures.plain = figures
        self._live.refresh()

    def stop(self) -> None:
        """Leave the last state on the screen and give the terminal back."""
        global _shown
        _shown = None
        self._release_handlers()
        self._live.stop()
        atexit.unregister(self.stop)

    def leave(self) -> None:
        """Forget the bar in a forked process, which then writes to the terminal itself."""
        sys.stdout, sys.stderr = self._streams
        self._release_handlers()

    def _release_handlers(self) -> None:
        for handler, stream, level in self._levels:
            with suppress(Exception):
                handler.setStream(stream)
                handler.setLevel(level)
        self._levels.clear()


_shown: ProgressBar | None = None


def _leave_in_child() -> None:
    if _shown is not None:
        _shown.leave()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_leave_in_child)
