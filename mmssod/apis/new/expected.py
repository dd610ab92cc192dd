"""What ``mmssod new`` says of few images to evaluate on: the interval to expect, and what ``--folds`` makes of it."""

from __future__ import annotations

import shlex
from pathlib import Path

from mmssod.analysis.expected_interval import FEW, expected

MOST_FOLDS = 5
"""Folds that are proposed: with more, each trains on few more images and all together take longer."""


def interval_lines(val: int, labeled: int, aside: bool, folder: Path) -> list[str]:
    """Lines for few images to evaluate on; none for ``FEW`` and more.

    Args:
        val: Images to evaluate on, >= 1.
        labeled: Those to train on.
        aside: Whether ``val`` are labeled images that were set aside, so that they are in the folds, too.
        folder: The project's.
    """
    if val >= FEW:
        return []
    lines = [
        f'{val} images to evaluate on are few: the 95 % interval of a gain will be about {expected(val)}'
    ]
    total = labeled + (val if aside else 0)
    folds = min(MOST_FOLDS, total)
    if folds > 1 and total > val:
        command = shlex.join(['mmssod', 'run', str(folder), '--folds', str(folds)])
        lines.append(
            f'{command} judges on all {total} labeled images, about {expected(total)}, and takes {folds} times as long'
        )
    return lines
