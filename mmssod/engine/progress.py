"""Shows the progress of a run or of a pass over images: a bar on a terminal, else plain lines.

The bar is drawn by rich below the log: while it is shown, log lines that go to the same terminal are printed above it
by rich, so neither garbles the other. It is redrawn by the thread that reports progress: a thread of its own could hold
rich's lock while data workers are forked, and a worker that prints would then wait for ever.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

REDRAW_SECONDS = 0.25
LINE_SECONDS = 30.0
WINDOW = 20
"""Iterations over which the figures of a run are averaged."""
print_now = partial(print, flush=True)
T = TypeVar('T')


def duration(seconds: float) -> str:
    """Whole seconds as ``h:mm:ss``, never negative."""
    return str(timedelta(seconds=max(0, round(seconds))))


def on_terminal() -> bool:
    """Whether stdout is a terminal that can redraw a line."""
    able = os.environ.get('TERM', '') not in ('', 'dumb')
    return able and bool(sys.stdout and sys.stdout.isatty())


class ProgressBar(Progress):
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
        self._figures = ''
        super().__init__(
            TextColumn('{task.description}'),
            BarColumn(),
            MofNCompleteColumn(),
            console=console or Console(file=sys.stdout),
            auto_refresh=False,
        )
        self._hide = hide_log_lines
        self._loggers = loggers
        self._levels: list[tuple[Any, Any, int]] = []
        self._streams = sys.stdout, sys.stderr
        self._drawn = 0.0
        self._task = self.add_task('', total=None)

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar and the figures."""
        yield from super().get_renderables()
        yield Text(self._figures, no_wrap=True, overflow='ellipsis')

    def start(self) -> None:
        """Draw the bar until ``stop``, or until the process ends."""
        global _shown
        self._streams = before, _ = sys.stdout, sys.stderr
        super().start()
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
        if self.due(done, total):
            self._drawn = time.monotonic()
            self._figures = figures
            self.update(self._task, description=phase, completed=done, total=total, refresh=True)

    def stop(self) -> None:
        """Leave the last state on the screen and give the terminal back."""
        global _shown
        _shown = None
        self._release_handlers()
        super().stop()
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


class ImageProgress:
    """Shows number and pace of images, and the time left, between its start and its end as a context.

    On a terminal a bar, else a line each half minute and one at the end.

    Args:
        phase: What is done, such as ``teacher on test images``.
        total: Images, where it is known.
        before: Items done earlier, which do not count for the pace.
        say: Gets the lines.
    """

    def __init__(
        self,
        phase: str,
        total: int | None,
        before: int = 0,
        say: Callable[[str], None] = print_now,
    ) -> None:
        self.phase = phase
        self.total = total
        self.before = before
        self.say = say
        self.begin = self.told = time.monotonic()
        self.bar = ProgressBar(loggers=[]) if on_terminal() else None

    def __enter__(self) -> ImageProgress:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar:
            self.bar.stop()

    def update(self, done: int) -> None:
        """Show the number of finished images, if it is time to."""
        now = time.monotonic()
        rate = (done - self.before) / max(now - self.begin, 1e-9)
        figures, of = f'{rate:.1f} images/s', ''
        if self.total is not None:
            rest = duration((self.total - done) / rate) if rate else '?'
            figures += f', {rest} to go'
            of = f' / {self.total}'
        if self.bar:
            self.bar.show(self.phase, done, self.total, figures)
        elif done == self.total or now - self.told >= LINE_SECONDS:
            self.told = now
            self.say(f'{self.phase}: {done}{of} images, {figures}')


def with_progress(images: Iterable[T], phase: str) -> Iterator[T]:
    """The images, one after the other, while :class:`ImageProgress` shows how many are done."""
    with ImageProgress(phase, len(images) if isinstance(images, Sized) else None) as progress:
        for done, image in enumerate(images, start=1):
            yield image
            progress.update(done)
