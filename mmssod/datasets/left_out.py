"""Counts the files in an image folder that cannot be trained on, by kind."""

from __future__ import annotations

import glob
import os
import os.path as osp
from collections import Counter
from collections.abc import Iterable

IMAGE_SUFFIXES = (
    '.jpg', '.jpeg', '.jfif', '.jpe', '.png', '.bmp', '.tif', '.tiff', '.webp', '.ppm', '.pgm', '.jp2',
)  # fmt: skip
JUNK = ('@eadir', '__macosx', '#recycle', '@recycle', '$recycle.bin', 'lost+found', 'thumbs.db')
"""Folders and files that systems and editors make, in small letters; also all whose name begins with a dot."""
SHOWN = 5


def is_junk(name: str) -> bool:
    """Whether a relative path leads through what a system or an editor made, such as ``.ipynb_checkpoints``."""
    parts = name.replace('\\', '/').split('/')
    return any(
        part.lower() in JUNK or part.startswith('.') and part not in ('.', '..') for part in parts
    )


def is_image(name: str) -> bool:
    """Whether a relative path is one of an image to train on."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not is_junk(name)


def left_out(source: str) -> str:
    """The files of a folder or glob that are left out, in words: how many of which suffix; '' for none.

    Those in folders of systems and editors are counted by the folder, the others by suffix.
    """
    if osp.isdir(source):
        names: Iterable[str] = (
            osp.relpath(osp.join(folder, file), source)
            for folder, _, files in os.walk(source, followlinks=True)
            for file in files
        )
    elif glob.has_magic(source):
        root = fixed_part(source)
        found = (file for file in glob.iglob(source, recursive=True) if osp.isfile(file))
        names = (osp.relpath(file, root) for file in found)
    else:
        return ''
    kinds = Counter(_kind(name) for name in names if not is_image(name))
    counted = [f'{count} {kind}' for kind, count in kinds.most_common(SHOWN)]
    return ', '.join(counted) + (', ...' if len(kinds) > SHOWN else '')


def fixed_part(pattern: str) -> str:
    """The folders of a glob before its first wildcard."""
    folder = osp.dirname(pattern)
    while glob.has_magic(folder):
        folder = osp.dirname(folder)
    return folder or '.'


def _kind(name: str) -> str:
    folders = [part for part in name.replace('\\', '/').split('/')[:-1] if is_junk(part)]
    if folders:
        return f'in {folders[0]}'
    return osp.splitext(name)[1] or 'without a suffix'
