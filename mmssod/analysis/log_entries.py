"""Logs of a run, a json object per line. Imports of Python alone: ``mmssod run`` reads them before it loads torch."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any


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


def _endless(value: Any) -> bool:
    """Whether it is a number that no float holds."""
    try:
        return isinstance(value, (int, float)) and not math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return True
