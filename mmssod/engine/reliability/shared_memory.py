"""Checks that shared memory is large enough for the batches that data workers pass through it.

Where it is full, a worker's batch is lost without an error that the training hears of: it would wait forever.
Containers have 64 MB of it unless they are told otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import torch

from mmssod.datasets.sample_key import seeded
from mmssod.engine.runner_access import sources
from mmssod.structures import Problem

FOLDER = '/dev/shm'
LOADER_TIMEOUT = 600
"""Seconds that a run waits for a batch of its data workers, where its config does not say otherwise; 0 is forever."""

MORE = (
    'give more shared memory (docker run --shm-size=8g, or --ipc=host), or need less: lower num_workers or '
    'prefetch_factor of the loader; num_workers=0 needs none'
)
_PAGE = 4096  # each tensor takes whole pages


def room() -> int | None:
    """Free bytes of shared memory; None where there is no such folder (other systems than Linux)."""
    try:
        found = os.statvfs(FOLDER)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def tensor_bytes(node: Any) -> int:
    """Bytes of shared memory that the tensors of a sample take, at any depth of dicts, lists and data samples."""
    if hasattr(node, 'tensor') and torch.is_tensor(node.tensor):  # boxes
        node = node.tensor
    if torch.is_tensor(node):
        return -(-node.numel() * node.element_size() // _PAGE) * _PAGE
    if isinstance(node, (list, tuple)):
        return sum(map(tensor_bytes, node))
    if isinstance(node, Mapping) or callable(getattr(node, 'metainfo_keys', None)):
        return sum(map(tensor_bytes, node.values()))
    return 0


def needed(loader: Any) -> int:
    """Bytes that the batches of a loader take while all its workers are ahead, told by the first image of each source.

    Those that wait, ``prefetch_factor`` for each worker, and the one that is computed with.

    Args:
        loader: torch's, as it was built.
    """
    if not loader.num_workers:
        return 0
    counts = getattr(loader.sampler, 'counts', None)
    batch = 0
    for name, part in sources(loader.dataset).items():
        images = counts.get(name, 0) if counts else loader.batch_size or 1
        if images:
            with seeded(0):
                batch += images * tensor_bytes(part[0])
    return (loader.num_workers * loader.prefetch_factor + 1) * batch


def memory_problems(loaders: Iterable[Any], free: int | None) -> list[Problem]:
    """One problem where the batches of all workers, of all processes here, take more than there is.

    Args:
        loaders: torch's, as they were built; all have workers at the same time.
        free: bytes of shared memory before any worker ran; None where that is not known.
    """
    total, processes = 0, int(os.environ.get('LOCAL_WORLD_SIZE', '1'))
    for loader in loaders if free is not None else ():
        with suppress(Exception):  # an image that cannot be read is told by others
            total += processes * needed(loader)
    if free is None or total <= free:
        return []
    what = 'the batches of all data workers do not fit in shared memory: the run would hang'
    batches = 'for num_workers * prefetch_factor + 1 batches of each loader'
    expected = f'{total / 2**20:.0f} MiB free in {FOLDER}, {batches} of {processes} processes'
    return [Problem(what, expected, f'{free / 2**20:.0f} MiB', MORE)]


@contextmanager
def hung_loader_named() -> Iterator[None]:
    """Turn torch's error of a batch that does not come into one that says what to do.

    Raises:
        RuntimeError: The likely causes, and the fix.
    """
    try:
        yield
    except RuntimeError as error:
        if 'DataLoader timed out' not in str(error):
            raise
        free = room()
        left = '' if free is None else f'; {free / 2**20:.0f} MiB of {FOLDER} are free'
        raise RuntimeError(
            f'{error}: its data workers hang{left}. Where that is little, {MORE}. Else a file system may hang; or the '
            'batches do take so long: timeout of the loader is the limit in seconds, 0 for none. Then go on where it '
            'was, with --resume'
        ) from error
