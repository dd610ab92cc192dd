"""Locates the configs shipped with mmssod: ``mmssod/.mim`` in a wheel, beside the package in a clone.

Nothing is imported here, so that a command line can ask before torch is loaded.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def configs_folder() -> Path:
    """Where mmssod's own configs lie.

    Raises:
        FileNotFoundError: Neither in the wheel nor beside the package.
    """
    for folder in (PACKAGE / '.mim' / 'configs', PACKAGE.parent / 'configs'):
        if (folder / '_base_').is_dir():
            return folder
    raise FileNotFoundError(
        f"mmssod's configs: expected {PACKAGE / '.mim' / 'configs'} (in its wheel) or {PACKAGE.parent / 'configs'} "
        '(in a clone), found neither; install mmssod again'
    )
