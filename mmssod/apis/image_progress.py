"""How far a pass over images is: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import time

from mmssod.engine.progress import ProgressBar, duration, on_terminal

LINE_SECONDS = 30.0


class ImageProgress:
    """A bar on a terminal; else a line each half minute and one at the end.

    Args:
        phase: What is done, such as ``teacher on test images``.
        total: Images.
    """

    def __init__(self, phase: str, total: int) -> None:
        self.phase = phase
        self.total = total
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
        rate = done / max(now - self.begin, 1e-9)
        figures = f'{rate:.1f} images/s, {duration((self.total - done) / max(rate, 1e-9))} to go'
        if self.bar:
            self.bar.show(self.phase, done, self.total, figures)
        elif done == self.total or now - self.told >= LINE_SECONDS:
            self.told = now
            print(f'{self.phase}: {done} / {self.total} images, {figures}', flush=True)
