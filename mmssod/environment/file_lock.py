"""A lock that allows one writer per file and is released however its process ends."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from pathlib import Path

from mmengine.logging import print_log

HELD = (errno.EACCES, errno.EAGAIN)


class FileLock:
    """A lock that is held until it is closed or garbage-collected, or its process ends, even if killed.

    A POSIX record lock (``lockf``) and not ``flock``: it is the process's own, so workers that a loader has forked do
    not keep it when their parent is killed, and it acts over NFS. Nothing else may open the file, since closing it
    gives the lock back; within one process it keeps nobody out. A file system without locks gives a warning.

    Args:
        file: What is locked; it is made, and says who holds the lock.

    Raises:
        RuntimeError: Another process holds it; subclasses say of what (``_held``).
    """

    def __init__(self, file: Path) -> None:
        self._stream = open(file, 'a+')
        try:
            fcntl.lockf(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in HELD:
                raise self._held(file) from None
            print_log(
                f'{file} cannot be locked ({error}): nothing keeps a second process from writing here',
                'current',
            )
            return
        self._stream.truncate(0)
        self._stream.write(f'process {os.getpid()} on {socket.gethostname()}')
        self._stream.flush()

    def close(self) -> None:
        """Give it back."""
        self._stream.close()

    def _holder(self) -> str:
        """Who holds it; gives up on it."""
        self._stream.seek(0)
        holder = self._stream.read() or 'another process'
        self._stream.close()
        return holder

    def _held(self, file: Path) -> Exception:
        return RuntimeError(
            f'expected no other process with {file}, but {self._holder()} has it locked; wait until that one is done'
        )
