"""A progress bar on a terminal, and the moving averages it shows.

The bar is drawn by rich below the log: while it is shown, log lines that go to the same terminal
are printed above it by rich, so neither garbles the other.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
from contextlib import suppress
from datetime import timedelta
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text


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
    return sys.stdout.isatty() and os.environ.get('TERM', '') not in ('', 'dumb')


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
            refresh_per_second=4,
        )
        self._hide = hide_log_lines
        self._loggers = loggers
        self._levels: list[tuple[Any, Any, int]] = []
        self._task = self._progress.add_task('', total=None)

    def start(self) -> None:
        """Draw the bar until ``stop``, or until the process ends."""
        before = sys.stdout
        self._live.start(refresh=True)
        for handler in (h for logger in self._loggers for h in logger.handlers):
            if isinstance(handler, logging.StreamHandler) and handler.stream is before:
                self._levels.append((handler, before, handler.level))
                handler.setStream(sys.stdout)  # rich's own, which prints above the bar
                if self._hide:
                    handler.setLevel(max(handler.level, logging.WARNING))
        atexit.register(self.stop)

    def show(self, phase: str, done: int, total: int | None, figures: str) -> None:
        """Update what is drawn at the next refresh."""
        self._progress.update(self._task, description=phase, completed=done, total=total)
        self._figures.plain = figures

    def stop(self) -> None:
        """Leave the last state on the screen and give the terminal back."""
        for handler, stream, level in self._levels:
            with suppress(Exception):
                handler.setStream(stream)
                handler.setLevel(level)
        self._levels.clear()
        self._live.stop()
        atexit.unregister(self.stop)
