"""How far a pass over images is: a bar on a terminal, else a line each half minute and one at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sized
from functools import partial
from typing import TypeVar

from mmssod.engine.progress import ProgressBar, duration, on_terminal

LINE_SECONDS = 30.0
print_now = partial(print, flush=True)
T = TypeVar('T')


class ImageProgress:
    """Shows number and pace of images, and the time left, between its start and its end as a context.

    Args:
        phase: What is done, such as ``teacher on test images``.
        total: Images, where it is known.
        before: Of them, those that were done before and do not count for the pace.
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
        """Show that so many images are done, if it is time to."""
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
