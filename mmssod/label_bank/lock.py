"""One writer a bank."""

from __future__ import annotations

from pathlib import Path

from mmssod.environment.file_lock import FileLock
from mmssod.label_bank.layout import BankError


class WriterLock(FileLock):
    """The lock of a bank's shard, see ``FileLock``.

    Raises:
        BankError: Another process holds it.
    """

    def _held(self, file: Path) -> Exception:
        return BankError(
            f'the label bank is being written by another process: {file.with_suffix("")}',
            'one process that writes it',
            f'{self._holder()} does',
            'wait until that one is done, or end it and call tools/pseudo_label.py again; for several processes at '
            'once give --launcher, for another bank another --out',
        )
