"""Which checkpoints are a run's own: of those in its folder, and of those that a checkpoint names."""

from __future__ import annotations

import json
import os.path as osp
import zipfile
from collections.abc import MutableMapping
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path
from typing import Any

from mmssod.environment.whole_files import write_whole

OLDER = 'older_checkpoints.json'
"""File of a work directory with the checkpoints that lay there when its run began."""


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
        write_whole(note, json.dumps(sorted(found)).encode())
    else:
        note.unlink(missing_ok=True)


def older(work_dir: str) -> set[str]:
    """Signatures of the checkpoints that are of earlier runs than the newest in a folder."""
    try:
        return set(json.loads((Path(work_dir) / OLDER).read_text()))
    except (OSError, ValueError, TypeError):
        return set()


def signature(path: str | Path) -> str:
    """What tells a checkpoint from others, and stays when it is copied: the checksums in it, or its size."""
    try:
        with zipfile.ZipFile(path) as archive:
            # The first part of the names is the file's own.
            parts = [(e.filename.partition('/')[2], e.CRC, e.file_size) for e in archive.infolist()]
        return sha256(repr(parts).encode()).hexdigest()
    except (OSError, ValueError, zipfile.BadZipFile):
        return f'{osp.getsize(path)} bytes' if osp.exists(path) else ''
