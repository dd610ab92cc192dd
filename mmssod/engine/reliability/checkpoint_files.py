"""Checkpoint files of a run: written atomically, found again after a kill, distinguished from those of other runs."""

from __future__ import annotations

import io
import json
import logging
import os
import os.path as osp
import re
import sys
import zipfile
from collections.abc import Iterator, MutableMapping
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from mmengine.fileio import LocalBackend, register_backend
from mmengine.logging import print_log

from mmssod.environment.checkpoint_damage import damage
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole

LAST = 'last_checkpoint'
"""File of a work directory that names its newest checkpoint."""

OLDER = 'older_checkpoints.json'
"""File of a work directory with the checkpoints that lay there when its run began."""

WHOLE_FILES = 'mmssod.whole_files'
_STEP = re.compile(r'(?:iter|epoch)_(\d+)\.pth')


class WholeFileBackend(LocalBackend):
    """mmengine's local files, but ``put`` replaces a file whole or leaves it as it was."""

    def put(self, obj: bytes | memoryview, filepath: str | os.PathLike) -> None:
        """Write ``obj``, see ``write_whole``."""
        os.makedirs(osp.dirname(osp.abspath(filepath)), exist_ok=True)
        write_whole(os.fspath(filepath), bytes(obj))


register_backend(WHOLE_FILES, WholeFileBackend, force=True)


def save_whole(content: Any, path: str | os.PathLike) -> None:
    """``torch.save``, written atomically; see ``write_whole``."""
    stream = io.BytesIO()
    torch.save(content, stream)
    write_whole(os.fspath(path), stream.getvalue())


def newest_checkpoint(work_dir: str) -> str | None:
    """The newest checkpoint of a run that is whole; None when the run left none.

    That is the one which ``last_checkpoint`` names. Where it is damaged or gone, a warning says so and the one before
    is taken; where the name itself is missing (a kill between the first checkpoint and its name), the newest there is.
    One on a remote storage is not looked at. Those of a run that was in the folder before the newest one began, and
    those of the folder that this one is a copy of, are passed over with a warning.

    Raises:
        ValueError: there are checkpoints, and none is whole: starting anew would bury them.
    """
    found: list[str] = []
    foreign = older(work_dir)
    passed = 0
    for path in _candidates(work_dir):
        if '://' in path:
            return path
        if osp.exists(path) and signature(path) in foreign:
            passed += 1
            continue
        wrong = damage(path) if osp.exists(path) else 'it is not there'
        if wrong is None:
            if found:
                print_log(
                    f'resuming from {path}, since {"; ".join(found)}', 'current', logging.WARNING
                )
            return path
        found.append(f'{path} is damaged: {wrong}')
    if found:
        raise InputError(
            f'no checkpoint of {work_dir} can be resumed: {"; ".join(found)}. Start anew in another work directory, or '
            'remove these files'
        )
    if passed:
        print_log(
            f'{work_dir}: its newest run left no checkpoint and begins anew; {passed} of an earlier run are passed '
            'over (to go on with one of these, name it: --resume FILE)',
            'current',
            logging.WARNING,
        )
    return None


def find_own() -> None:
    """Let mmengine's own ``--resume`` find what ``newest_checkpoint`` finds. Idempotent."""
    for name in ('', '.checkpoint', '.runner', '._flexible_runner'):
        if module := sys.modules.get(f'mmengine.runner{name}'):
            module.find_latest_checkpoint = newest_checkpoint  # type: ignore[attr-defined]


find_own()


def name_in(work_dir: str, checkpoint: str) -> str:
    """What ``last_checkpoint`` says: the name within the work directory, so that a copy means its own; else a path."""
    folder, name = osp.split(checkpoint)
    return name if folder == work_dir.rstrip(os.sep) else checkpoint


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
    yield from (steps[number] for number in sorted(steps, reverse=True) if steps[number] != named)


def _named(work_dir: str) -> str:
    """What ``last_checkpoint`` names: in the folder itself wherever it is there, or in one that is no other run's."""
    try:
        with open(osp.join(work_dir, LAST), encoding='utf-8', errors='replace') as stream:
            named = stream.read().strip()
    except FileNotFoundError:
        return ''
    own = osp.join(work_dir, osp.basename(named))
    if '://' in named or not osp.basename(named):
        return named
    if not osp.isabs(named) or osp.exists(own) or osp.exists(osp.join(osp.dirname(named), LAST)):
        return own
    return named


def keep_own_names(info: MutableMapping[str, Any], folder: str) -> None:
    """Of what a resumed checkpoint says of other files, keep what lies in the run's own folder: mmengine removes it.

    Args:
        info: ``message_hub.runtime_info``, changed: ``best_ckpt...`` are regular files ``best_*.pth`` of the folder, or
            None, ``last_ckpt`` lies in it, and ``keep_ckpt_ids`` are numbers.
        folder: Where the run's checkpoints are written.
    """
    for key in list(info):
        if key == 'best_ckpt' or key.startswith('best_ckpt_'):
            info[key] = _own(info[key], folder, 'best_*.pth')
        elif key == 'last_ckpt':
            info[key] = _own(info[key], folder, '*.pth')
        elif key == 'keep_ckpt_ids':
            ids = info[key] if isinstance(info[key], (list, tuple)) else []
            info[key] = [step for step in ids if type(step) is int]


def _own(path: Any, folder: str, pattern: str) -> str | None:
    if not isinstance(path, str):
        return None
    own = osp.join(folder, osp.basename(path))
    if '://' not in folder and (osp.islink(own) or osp.isdir(own)):
        return None
    return own if fnmatch(osp.basename(own), pattern) else None


def note_older(work_dir: str, folder: str) -> None:
    """Note the checkpoints of earlier runs in a folder, so that the run which begins is not resumed from them."""
    found = {signature(path) for path in Path(folder).glob('*.pth')} if osp.isdir(folder) else set()
    note = Path(work_dir) / OLDER
    if found:
        write_whole(note, json.dumps(sorted(found)))
    else:
        note.unlink(missing_ok=True)


def older(work_dir: str) -> set[str]:
    """Signatures of the checkpoints that are of earlier runs than the newest in a folder."""
    try:
        return set(json.loads((Path(work_dir) / OLDER).read_text()))
    except (OSError, ValueError, TypeError):
        return set()


def signature(path: str | Path) -> str:
    """Identifies a checkpoint, also after copying: by the checksums in it, or its size."""
    try:
        with zipfile.ZipFile(path) as archive:
            # The first part of the names is the file's own.
            parts = [(e.filename.partition('/')[2], e.CRC, e.file_size) for e in archive.infolist()]
        return sha256(repr(parts).encode()).hexdigest()
    except (OSError, ValueError, zipfile.BadZipFile):
        return f'{osp.getsize(path)} bytes' if osp.exists(path) else ''
