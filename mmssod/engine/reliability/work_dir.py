"""Checks on the work directory: only one training writes to it, and its disk has enough space."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mmengine.dist import is_main_process

from mmssod.engine.reliability import shared_memory
from mmssod.engine.reliability.checkpoint_files import newest_checkpoint
from mmssod.environment.errors import InputError
from mmssod.environment.file_lock import FileLock
from mmssod.environment.whole_files import NO_ROOM

LOCK = '.lock'
"""File of a work directory that a training has locked; it says which process."""


class FolderInUseError(InputError, RuntimeError):
    """Another process trains in a work directory."""


class RunLock(FileLock):
    """The lock of a work directory, see ``FileLock``; :class:`FolderInUseError` where another process holds it."""

    def _held(self, file: Path) -> Exception:
        return FolderInUseError(
            f'{file.parent}: expected a work directory in which nothing else is training, but {self._holder()} is. '
            'Wait until that one is done, or give this run another folder with --work-dir'
        )


@contextmanager
def run_lock(work_dir: str) -> Iterator[None]:
    """Hold the lock of a work directory, which is made; one process of a distributed run does.

    Two trainings would write the same checkpoints, and each go on with the other's.

    Raises:
        FolderInUseError: Another process holds it.
    """
    if not is_main_process():
        yield
        return
    Path(work_dir).mkdir(parents=True, exist_ok=True)
    lock = RunLock(Path(work_dir) / LOCK)
    try:
        yield
    finally:
        lock.close()


@contextmanager
def full_disk_named(work_dir: str) -> Iterator[None]:
    """Turn the error of a full disk, wherever a run writes, into one that says what to do.

    Args:
        work_dir: of the run, where its checkpoints are looked up.

    Raises:
        RuntimeError: names the file, the room, the last whole checkpoint and the fix.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise RuntimeError(_not_written(work_dir, error)) from error


def _not_written(work_dir: str, error: OSError) -> str:
    room, newest = '', None
    with suppress(OSError):
        room = f' ({shutil.disk_usage(work_dir).free / 2**20:.0f} MiB free in {work_dir})'
    with suppress(OSError, ValueError):
        newest = newest_checkpoint(work_dir)
    left = f'the last checkpoint, {newest}, is whole' if newest else 'there is no checkpoint yet'
    file = error.filename or 'a file, or shared memory of data workers,'
    if not error.filename and (free := shared_memory.room()) is not None:
        left += (
            f'. {free / 2**20:.0f} MiB of {shared_memory.FOLDER} are free: where that is little, '
        )
        left += shared_memory.MORE
    return (
        f'{file} was not written: {error.strerror}{room}; {left}. Make room, there or on the disk of that file, then '
        'go on with --resume'
    )
