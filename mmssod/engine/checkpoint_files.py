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
    One on a remote storage is not looked at.

    Raises:
        ValueError: there are checkpoints, and none is whole: starting anew would bury them.
    """
    found: list[str] = []
    for path in _candidates(work_dir):
        if '://' in path:
            return path
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
    """Checkpoints of a run, newest first: the one that ``last_checkpoint`` names, then those of no more steps.

    They lie beside the named one, or in the work directory where that was moved.
    """
    named = _named(work_dir)
    if named:
        yield named
    last = _STEP.fullmatch(osp.basename(named))
    steps: dict[int, str] = {}
    for folder in (work_dir, osp.dirname(named) or '.') if named else (work_dir,):
        for name in os.listdir(folder) if osp.isdir(folder) else ():
            step = _STEP.fullmatch(name)
            if step and (last is None or int(step[1]) <= int(last[1])):
                steps[int(step[1])] = osp.join(folder, name)
    for number in sorted(steps, reverse=True):
        if steps[number] != named:
            yield steps[number]


def _named(work_dir: str) -> str:
    try:
        with open(osp.join(work_dir, LAST), encoding='utf-8') as stream:
            return stream.read().strip()
    except FileNotFoundError:
        return ''
