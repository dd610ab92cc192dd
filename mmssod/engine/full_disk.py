"""A disk without room, seen from wherever a run writes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mmssod.engine import shared_memory
from mmssod.engine.checkpoint_files import newest_checkpoint
from mmssod.environment.whole_files import NO_ROOM


@contextmanager
def full_disk_named(work_dir: str) -> Iterator[None]:
    """Turn the error of a full disk into one that says what to do.

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
