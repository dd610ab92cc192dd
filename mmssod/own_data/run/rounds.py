"""Reads the labeling rounds of a project without torch: what was added when, and earlier students.

A round is a training, ``run``, and then labels that were added. ``rounds/N`` in the project holds the work directories
of round N, ``rounds.jsonl`` a line for each round.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HISTORY = 'rounds.jsonl'
"""File of a project: for each round its number, the time, the labels, the images and how many boxes they have."""


def round_folder(folder: Path, number: int) -> Path:
    """Folder of the trainings of a round."""
    return folder / 'rounds' / str(number)


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The rounds of a project, the first one first; a line that was cut off is passed over."""
    try:
        lines = (folder / HISTORY).read_text(encoding='utf-8').splitlines()
    except OSError:
        return []
    return [entry for entry in map(_entry, lines) if entry]


def _entry(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def last_round(folder: Path) -> Iterator[Path]:
    """Work directories of earlier rounds' students, the newest first."""
    for entry in reversed(read_history(folder)):
        yield round_folder(folder, entry['round']) / 'work_dirs' / 'student'
