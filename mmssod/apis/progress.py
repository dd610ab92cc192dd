"""How far a loop over images is: a bar on a terminal, else a line each half minute."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from mmssod.engine.progress import ProgressBar, duration, on_terminal

LINE_SECONDS = 30.0
T = TypeVar('T')


def with_progress(images: Iterable[T], phase: str) -> Iterator[T]:
    """The images, one after the other, while their number and pace are shown.

    Args:
        images: Where they have a length, the time left is shown, too.
        phase: Word before it.
    """
    total = len(images) if isinstance(images, Sized) else None
    bar = ProgressBar(loggers=[]) if on_terminal() else None
    begin = told = time.monotonic()
    if bar:
        bar.start()
    try:
        for done, image in enumerate(images, start=1):
            yield image
            now = time.monotonic()
            figures = _figures(done, total, now - begin)
            if bar:
                bar.show(phase, done, total, figures)
            elif now - told >= LINE_SECONDS:
                told = now
                of = '' if total is None else f' / {total}'
                print(f'{phase}: {done}{of} images, {figures}', flush=True)
    finally:
        if bar:
            bar.stop()


def _figures(done: int, total: int | None, seconds: float) -> str:
    rate = done / max(seconds, 1e-9)
    rest = '' if total is None else f', {duration((total - done) / rate)} to go'
    return f'{rate:.1f} images/s{rest}'
