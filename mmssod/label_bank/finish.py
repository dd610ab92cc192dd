"""From written shards to a bank that can be read: checksums, the index of its images, the header's last word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmssod.label_bank.bank import checksum
from mmssod.label_bank.layout import IMAGE, KEYS, ROWS, BankError, Header, Shard, shard_files
from mmssod.label_bank.shards import last_box, read_images


def finish(folder: Path, header: Header) -> Header:
    """Close a bank whose shards are all written; the finished header, which is saved last.

    Raises:
        BankError: Two images have the same id.
    """
    keys = np.concatenate([np.zeros(0, np.int64), *shard_keys(folder, header)])
    rows = np.argsort(keys, kind='stable')
    keys = keys[rows]
    twice = np.flatnonzero(keys[1:] == keys[:-1])
    if len(twice):
        raise BankError(
            f'{len(twice)} images share an id with another, and labels are found by it',
            'one id an image',
            f'the id {keys[twice[0]]} of images {rows[twice[0]]} and {rows[twice[0] + 1]}',
            'give the images of the unlabeled json ids of their own',
        )
    for name, index in ((KEYS, keys), (ROWS, rows)):
        with open(folder / name, 'wb') as stream:
            np.save(stream, index, allow_pickle=False)
    finished = header.finished([closed(folder, shard) for shard in range(header.num_shards)])
    finished.save(folder)
    return finished


def shard_keys(folder: Path, header: Header) -> Iterator[np.ndarray]:
    """Keys of the images, shard by shard."""
    for shard in range(header.num_shards):
        yield read_images(shard_files(folder, shard)[0])['key']


def closed(folder: Path, shard: int) -> Shard:
    """What a written shard holds."""
    images, boxes = shard_files(folder, shard)
    records = images.stat().st_size // IMAGE.itemsize
    last = np.fromfile(images, IMAGE, count=1, offset=(records - 1) * IMAGE.itemsize)[0]
    return Shard(records, last_box(last), checksum(images), checksum(boxes))
