"""Reads the logs of a run, one json object per line, without loading torch, as ``mmssod run`` needs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from mmssod.environment.whole_files import write_whole

STARTS = 'starts.json'
"""File of a work directory with the names of its run's starts, in their order."""


def log_entries(file: Path) -> list[dict[str, Any]]:
    """The lines that are whole: a kill may have cut the last one, and a disk may hold anything.

    Numbers that are not finite are left out, so that no figure of a page is made of them.

    Args:
        file: Such as ``scalars.json`` or ``class_balance.jsonl``.
    """
    entries = []
    for line in file.read_text(encoding='utf-8', errors='replace').splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            entries.append({key: value for key, value in entry.items() if not _endless(value)})
    return entries


def start_files(work_dir: Path, name: str) -> list[Path]:
    """Files ``name`` of mmengine's visualizer, one per start of a run in the order of its starts.

    That order is noted (``starts.json``), since a clock may have been set back; where it is not, the names of the
    folders tell it. Starts of a run that was in the folder before are left out.

    Args:
        work_dir: Work directory of the run, or the folder of one start.
    """
    files = [folder / 'vis_data' / name for folder in [*_starts(work_dir), work_dir]]
    return [file for file in files if file.is_file()]


def note_start(work_dir: Path, name: str, *, goes_on: bool) -> None:
    """Note a start.

    Args:
        work_dir: Work directory of the run.
        name: Name of the start's folder in it.
        goes_on: Whether it goes on with the run in the folder; else what lies there is another's.
    """
    before = [folder.name for folder in _starts(work_dir)] if goes_on else []
    names = [*(one for one in before if one != name), name]
    write_whole(work_dir / STARTS, json.dumps(names))


def _starts(work_dir: Path) -> list[Path]:
    there = sorted(file.parent for file in work_dir.glob('*/vis_data'))
    try:
        noted = json.loads((work_dir / STARTS).read_text())
    except (OSError, ValueError, RecursionError):
        return there
    places = (
        {str(noted): number for number, noted in enumerate(noted)}
        if isinstance(noted, list)
        else {}
    )
    known = [folder for folder in there if folder.name in places]
    return sorted(known, key=lambda folder: places[folder.name]) or there


def _endless(value: Any) -> bool:
    """Whether it is a number that no float holds."""
    try:
        return isinstance(value, (int, float)) and not math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return True
