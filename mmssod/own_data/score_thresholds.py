"""Score thresholds per class: one number for all, or the json that ``mmssod report`` writes beside its page.

``M`` classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmssod.datasets.annotation_files import read_json
from mmssod.environment.errors import InputError

Thresholds = float | str | Path | Mapping[str, float]


def thresholds_file(page: Path) -> Path:
    """File of the best thresholds, beside the page of a report."""
    return page.with_suffix('.thresholds.json')


def class_limits(thresholds: Thresholds, classes: Sequence[str]) -> np.ndarray:
    """The threshold of each class, shape (M,).

    Args:
        thresholds: One number for all, thresholds by class name, or a json file with these under ``thresholds``.
        classes: Names in the order of labels.

    Raises:
        ValueError: For a file without thresholds, for other classes, and for a threshold outside [0, 1].
    """
    if isinstance(thresholds, (str, Path)):
        content = read_json(thresholds)
        known = content.get('thresholds') if isinstance(content, dict) else None
        if not isinstance(known, dict):
            raise InputError(
                f'{thresholds}: expected a json with `thresholds` by class, as `mmssod report` writes it, found none'
            )
        thresholds = known
    if isinstance(thresholds, Mapping):
        if set(thresholds) != set(classes):
            raise InputError(
                f'thresholds: expected the classes {sorted(classes)}, got {sorted(thresholds)}; fix: give the file of '
                'a report on this detector'
            )
        limits = np.array([_number(name, thresholds[name]) for name in classes])
    else:
        limits = np.full(len(classes), float(thresholds))
    if not ((limits >= 0) & (limits <= 1)).all():
        raise InputError(f'thresholds: expected numbers in [0, 1], got {limits.tolist()}')
    return limits


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(
            f'thresholds: expected a number for class {name!r}, got {str(value)[:80]!r}'
        )
    return float(value) if abs(value) <= 1 else math.inf  # of an int without end, too
