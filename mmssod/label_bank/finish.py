"""From written shards to a bank that can be read: all on the disk, the index of its images, the header's last word."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import numpy as np

from mmssod.environment.whole_files import write_whole
from mmssod.label_bank.layout import (
    IMAGE,
    KEYS,
    ROWS,
    BankError,
    Header,
    last_box,
    shard_files,
)
from mmssod.label_bank.shards import read_images


def finish(folder: Path, header: Header) -> Header:
    """Close a bank whose shards are all written; the finished header, which is saved last.

    Raises:
        BankError: Two images have the same id.
    """
    keys = np.empty(header.images, np.int64)
    for shard in range(header.num_shards):
        span = header.span(shard)
        keys[span.start : span.stop] = read_images(shard_files(folder, shard)[0])['key']
    rows = order_of(keys)
    keys = keys[rows]
    for name, index in ((KEYS, keys), (ROWS, rows)):
        content = BytesIO()
        np.save(content, index, allow_pickle=False)
        write_whole(folder / name, content.getvalue())
    finished = header.finished([closed(folder, shard) for shard in range(header.num_shards)])
    finished.save(folder)
    return finished


def order_of(keys: np.ndarray) -> np.ndarray:
    """Places of the keys in rising order, shape (N,), int64.

    Raises:
        BankError: Two keys are equal.
    """
    rows = np.argsort(keys, kind='stable')
    rising = keys[rows]
    twice = np.flatnonzero(rising[1:] == rising[:-1])
    if len(twice):
        first, second = rows[twice[0]], rows[twice[0] + 1]
        raise BankError(
            f'{len(twice)} images share an id with another, and labels are found by it',
            'one id an image',
            f'the id {keys[first]} of images {first} and {second}',
            'give the images of the unlabeled json ids of their own',
        )
    return rows


def closed(folder: Path, shard: int) -> int:
    """How many boxes a written shard holds, from here on also after a loss of power."""
    images, boxes = shard_files(folder, shard)
    for file in (images, boxes):
        with open(file, 'rb') as stream:
            os.fsync(stream.fileno())
    records = images.stat().st_size // IMAGE.itemsize
    last = np.fromfile(images, IMAGE, count=1, offset=(records - 1) * IMAGE.itemsize)[0]
    return last_box(last)
