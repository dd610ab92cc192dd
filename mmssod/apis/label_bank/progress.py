"""How far a bank is, over all processes that write it."""

from __future__ import annotations

import time
from pathlib import Path

from mmengine.logging import print_log

from mmssod.engine.progress import ProgressBar, duration, on_terminal
from mmssod.label_bank import Header
from mmssod.label_bank.shards import images_done

LOG_SECONDS = 30.0
COUNT_SECONDS = 0.25


class BankProgress:
    """A bar on a terminal, else a line each half minute; what is done is read off the files of all processes.

    Args:
        folder: Of the bank.
        header: Of the bank.
        shown: Whether this process shows it.
    """

    def __init__(self, folder: Path, header: Header, shown: bool) -> None:
        self.folder = folder
        self.header = header
        self.shown = shown
        self.done = self.before = images_done(folder, header) if shown else 0
        self.begin = self.counted = self.logged = time.monotonic()
        self.bar = ProgressBar(loggers=[]) if shown and on_terminal() else None

    def __enter__(self) -> BankProgress:
        if self.shown and self.before:
            print_log(f'label bank: {self.before} images were labeled before', 'current')
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar:
            self.bar.stop()

    def count(self) -> int:
        """Images that are done; counts the files not more often than each quarter of a second."""
        now = time.monotonic()
        if now - self.counted >= COUNT_SECONDS:
            self.counted, self.done = now, images_done(self.folder, self.header)
        return self.done

    def update(self) -> None:
        """Show where it is, if it is time to."""
        if not self.shown:
            return
        done, total, now = self.count(), self.header.images, time.monotonic()
        rate = (done - self.before) / max(now - self.begin, 1e-9)
        rest = duration((total - done) / rate) if rate else '?'
        figures = f'{rate:.1f} images/s, {rest} to go'
        if self.bar:
            self.bar.show('label bank', done, total, figures)
        elif now - self.logged >= LOG_SECONDS:
            self.logged = now
            print_log(f'label bank: {done} / {total} images, {figures}', 'current')
