"""Finds configs by name: as a file, or among those shipped with mmssod."""

from __future__ import annotations

from pathlib import Path

from mmssod.own_configs import configs_folder

__all__ = ['configs_folder', 'find_config']


def find_config(name: str) -> str:
    """A config file: the path as it is, or else one of mmssod's own of that name.

    Args:
        name: Such as ``my/student.py``, ``configs/demo/student.py`` or ``demo/student.py``.

    Raises:
        FileNotFoundError: There is no such file.
    """
    if Path(name).is_file():
        return name
    folder = configs_folder()
    own = folder / name.removeprefix('configs/')
    if not Path(name).is_absolute() and own.is_file():
        return str(own)
    raise FileNotFoundError(
        f'config: expected a file {name}, or one of that name below {folder}; found neither'
    )
