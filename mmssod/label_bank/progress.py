"""Progress of a bank, over all processes that write it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from mmengine.logging import print_log

from mmssod.engine.progress import ImageProgress
from mmssod.label_bank import Header
from mmssod.label_bank.shards import images_done

COUNT_SECONDS = 0.25
log = partial(print_log, logger='current')


class BankProgress:
    """A bar on a terminal, else a line each half minute; what is done is read off the files of all processes.

    Args:
        folder: Folder of the bank.
        header: Header of the bank.
        shown: Whether this process shows it.
    """

    def __init__(self, folder: Path, header: Header, shown: bool) -> None:
        self.folder = folder
        self.header = header
        self.shown = shown
        self.done = images_done(folder, header) if shown else 0
        self.counted = time.monotonic()
        self.images = ImageProgress('label bank', header.images, before=self.done, say=log)

    def __enter__(self) -> BankProgress:
        if self.shown and self.done:
            log(f'label bank: {self.done} images were labeled before')
        if self.shown:
            self.images.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self.shown:
            self.images.__exit__(*error)

    def count(self) -> int:
        """Images that are done; counts the files not more often than each quarter of a second."""
        now = time.monotonic()
        if now - self.counted >= COUNT_SECONDS:
            self.counted, self.done = now, images_done(self.folder, self.header)
        return self.done

    def update(self) -> None:
        """Show where it is, if it is time to."""
        if self.shown:
            self.images.update(self.count())
