"""The configs that come with mmssod: in the wheel below ``mmssod/.mim``, in a clone beside the package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


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
