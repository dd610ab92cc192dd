"""Checkpoint files: written whole, and found again after a kill."""

from __future__ import annotations

import logging
import os
import os.path as osp
import re
from collections.abc import Iterator

from mmengine.fileio import LocalBackend, register_backend
from mmengine.logging import print_log

from mmssod.environment.checkpoints import damage
from mmssod.environment.whole_files import write_whole

LAST = 'last_checkpoint'
"""File of a work directory that names its newest checkpoint."""

_STEP = re.compile(r'(?:iter|epoch)_(\d+)\.pth')


class WholeFileBackend(LocalBackend):
    """mmengine's local files, but ``put`` replaces a file whole or leaves it as it was."""

    def put(self, obj: bytes | memoryview, filepath: str | os.PathLike) -> None:
        """Write ``obj``, see ``write_whole``."""
        os.makedirs(osp.dirname(osp.abspath(filepath)), exist_ok=True)
        write_whole(os.fspath(filepath), bytes(obj))


WHOLE_FILES = 'mmssod.whole_files'
register_backend(WHOLE_FILES, WholeFileBackend, force=True)


def newest_checkpoint(work_dir: str) -> str | None:
    """The newest checkpoint of a run that is whole; None when the run left none.

    That is the one which ``last_checkpoint`` names. Where it is damaged or gone, a warning says so and the one before
    is taken; where the name itself is missing (a kill between the first checkpoint and its name), the newest there is.

    Raises:
        ValueError: there are checkpoints, and none is whole: starting anew would bury them.
    """
    found: list[str] = []
    for path in _candidates(work_dir):
        wrong = damage(path) if osp.exists(path) else 'it is not there'
        if wrong is None:
            if found:
                print_log(
                    f'resuming from {path}, since {"; ".join(found)}', 'current', logging.WARNING
                )
            return path
        found.append(f'{path} is damaged: {wrong}')
    if found:
        raise ValueError(
            f'no checkpoint of {work_dir} can be resumed: {"; ".join(found)}. Start anew in another work directory, or '
            'remove these files'
        )
    return None


def _candidates(work_dir: str) -> Iterator[str]:
    """Checkpoints of a run, newest first; the one that ``last_checkpoint`` names before those with less steps."""
    named = _named(work_dir)
    if named:
        yield named
    folder = osp.dirname(named) if named else work_dir
    steps = {
        int(match[1]): osp.join(folder, name)
        for name in (os.listdir(folder) if osp.isdir(folder) else ())
        if (match := _STEP.fullmatch(name))
    }
    last = _STEP.fullmatch(osp.basename(named)) if named else None
    for step in sorted(steps, reverse=True):
        if last is None or step < int(last[1]):
            yield steps[step]


def _named(work_dir: str) -> str:
    try:
        with open(osp.join(work_dir, LAST), encoding='utf-8') as stream:
            return stream.read().strip()
    except FileNotFoundError:
        return ''
