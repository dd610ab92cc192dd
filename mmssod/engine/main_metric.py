"""Chooses the metric by which a run is judged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NAMES = ('bbox_mAP', 'mAP', 'bbox_AP', 'AP')
"""Last parts of the metrics' names, the first that is there: those of COCO, VOC, LVIS and CrowdHuman."""
_STEP = re.compile(r'(?:iter|epoch)_(\d+)\.pth$')


def main_metric(metrics: Mapping[str, Any], teacher: bool = False) -> str | None:
    """The name of the average precision among the metrics of an evaluation.

    Args:
        metrics: Values by name, such as ``coco/bbox_mAP``; with ``predict_with='both'`` ``student/coco/bbox_mAP`` and
            ``teacher/coco/bbox_mAP``.
        teacher: Use the teacher's metric if both were evaluated; else the student's.

    Returns:
        The name; None where no metric is an AP.
    """
    first, other = ('teacher/', 'student/') if teacher else ('student/', 'teacher/')
    for whose in (first, '', other):
        for name in NAMES:
            for key, value in metrics.items():
                mine = key.startswith(whose) if whose else not key.startswith((first, other))
                if mine and key.rsplit('/', 1)[-1] == name and isinstance(value, (int, float)):
                    return key
    return None


def step_of(checkpoint: str) -> int | None:
    """The iteration, or epoch, in a checkpoint's name; None where it has none."""
    found = _STEP.search(checkpoint)
    return int(found[1]) if found else None
