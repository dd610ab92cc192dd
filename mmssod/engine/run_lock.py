"""One training a work directory: two would write the same checkpoints, and each go on with the other's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.dist import is_main_process

from mmssod.environment.errors import InputError
from mmssod.environment.file_lock import FileLock

LOCK = '.lock'
"""File of a work directory that a training has locked; it says which process."""


class FolderInUseError(InputError, RuntimeError):
    """Another process trains in a work directory."""


class RunLock(FileLock):
    """The lock of a work directory, see ``FileLock``.

    Raises:
        FolderInUseError: Another process holds it.
    """

    def _held(self, file: Path) -> Exception:
        return FolderInUseError(
            f'{file.parent}: expected a work directory in which nothing else is training, but {self._holder()} is. '
            'Wait until that one is done, or give this run another folder with --work-dir'
        )


@contextmanager
def run_lock(work_dir: str) -> Iterator[None]:
    """Hold the lock of a work directory, which is made; one process of a distributed run does."""
    if not is_main_process():
        yield
        return
    Path(work_dir).mkdir(parents=True, exist_ok=True)
    lock = RunLock(Path(work_dir) / LOCK)
    try:
        yield
    finally:
        lock.close()
