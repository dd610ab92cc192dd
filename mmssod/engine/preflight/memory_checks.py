"""Is there enough shared memory for the batches of all data workers?"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from mmssod.engine.reliability.shared_memory import FOLDER, MORE, needed
from mmssod.structures import Problem


def memory_problems(loaders: Iterable[Any], free: int | None) -> list[Problem]:
    """One problem where the batches of all workers, of all processes here, take more than there is.

    Args:
        loaders: torch's, as they were built; all have workers at the same time.
        free: bytes of shared memory before any worker ran; None where that is not known.
    """
    if free is None:
        return []
    total, processes = 0, int(os.environ.get('LOCAL_WORLD_SIZE', '1'))
    for loader in loaders:
        with suppress(Exception):  # an image that cannot be read is told by others
            total += processes * needed(loader)
    if total <= free:
        return []
    return [
        Problem(
            'the batches of all data workers do not fit in shared memory: the run would hang',
            f'{total / 2**20:.0f} MiB free in {FOLDER}, for num_workers * prefetch_factor + 1 batches of each loader'
            + (f' of {processes} processes' if processes > 1 else ''),
            f'{free / 2**20:.0f} MiB',
            MORE,
        )
    ]
