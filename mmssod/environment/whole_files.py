"""Replaces files atomically: a reader finds the old content or the new, never a part."""

from __future__ import annotations

import errno
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

UNFINISHED = '.part'
"""What the name of a file that is being written ends with, behind what tells its writer from others."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""A full disk, a used up quota, and a disk that the system made read-only after an error."""

_OURS = re.compile(r'\.\d+-[0-9a-f]{8}\.part$')


def write_whole(path: str | Path, content: bytes | str, *, sync: bool = True) -> None:
    """Replace a file by new content, see :func:`replacing`.

    Args:
        path: the file; its folder must be there.
        content: all of it; text is written in UTF-8.
        sync: as of ``replacing``.

    Raises:
        OSError: no room, or no right to write, with the file's name; the old file is as it was.
    """
    with replacing(path, sync=sync) as stream:
        stream.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing(path: str | Path, *, sync: bool = True) -> Iterator[IO[bytes]]:
    """Replace a file by what is written; killed at any moment, the old or the new file is there, whole.

    The content goes to a file beside it, is forced to the disk, and takes the name: a rename within a folder is one
    step for the file system. The folder is forced to the disk, too, so that the name outlives a loss of power.

    Args:
        path: the file; its folder must be there.
        sync: force it to the disk; without, a loss of power may take it (for thousands of small files).

    Raises:
        OSError: no room, or no right to write, with the file's name; the old file is as it was.
    """
    path = os.fspath(path)
    unfinished = f'{path}.{os.getpid()}-{secrets.token_hex(4)}{UNFINISHED}'  # no other writer's
    try:
        with naming(path):
            with open(unfinished, 'wb') as stream:
                yield stream
                stream.flush()
                if sync:
                    os.fsync(stream.fileno())
            os.replace(unfinished, path)
    except BaseException:
        with suppress(OSError):
            os.remove(unfinished)
        raise
    if sync:
        _sync_folder(os.path.dirname(os.path.abspath(path)))


def unfinished_files(folder: str | Path) -> Iterator[Path]:
    """Temporary files of ``write_whole`` left in a folder by killed processes."""
    for path in Path(folder).glob(f'*{UNFINISHED}'):
        if _OURS.search(path.name):
            yield path


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Give the errors of writing a file its name: those of ``write`` and ``fsync`` have none."""
    try:
        yield
    except OSError as error:
        error.filename = os.fspath(path)
        raise


def write_first(path: str | Path, content: bytes) -> None:
    """Write a file that does not exist yet; if several processes do so at once, the first one wins.

    Args:
        path: the file; its folder must be there.
        content: all of it.

    Raises:
        OSError: no room, or no right to write.
    """
    own = f'{os.fspath(path)}.{socket.gethostname()}.{os.getpid()}'
    write_whole(own, content)
    try:
        os.link(own, path)  # a second name, refused when it is taken
    except FileExistsError:
        pass
    finally:
        os.remove(own)


def _sync_folder(folder: str) -> None:
    with suppress(OSError):  # some file systems, and Windows, do not sync folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
