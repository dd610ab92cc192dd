"""One shard while it is written: it grows by whole images, whatever ends the process."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmssod.label_bank.bank import mapped, other_size
from mmssod.label_bank.layout import (
    BOX,
    IMAGE,
    BankError,
    Header,
    image_key,
    intact,
    last_box,
    name_code,
    record_code,
    shard_files,
)
from mmssod.label_bank.lock import WriterLock

MAX_COMPARED_SIZES = 200
"""Images of a shard whose headers are read where a bank goes on, to compare their sizes with those labeled."""


class LabeledImage(NamedTuple):
    """What a teacher found in one image."""

    img_id: int | str
    path: str
    size: tuple[int, int]  # height, width of the original image, px
    view: tuple[int, int]  # height, width that the teacher saw, px; 0 where the file cannot be read
    plain: np.ndarray  # BOX records
    mirrored: np.ndarray  # BOX records in pixels of the mirrored view


class ShardWriter:
    """Appends images to a shard, from where an earlier process left off.

    An image is there or not: its boxes are written before its record, which has the checksum of both; the next start
    cuts off the first image that does not fit its checksum, and all behind it. So a killed process loses nothing that
    it had appended. A machine that goes down loses what its system had not written: any pages of the last half minute.

    Args:
        folder: Of the bank.
        header: Of the bank.
        shard: Its number.

    Raises:
        BankError: Another process writes it.
    """

    def __init__(self, folder: Path, header: Header, shard: int) -> None:
        self.span = header.span(shard)
        self.files = shard_files(folder, shard)
        self.files[0].parent.mkdir(parents=True, exist_ok=True)
        self._lock = WriterLock(self.files[0].with_suffix('.lock'))
        self.images = self._recover()  # IMAGE records of an earlier process
        self.done = len(self.images)  # images that are there
        self.boxes = last_box(self.images[-1]) if self.done else 0

    def _recover(self) -> np.ndarray:
        """The whole records of an earlier process; what lies behind them is cut off.

        So are unreadable images at the end: where a disk was gone, it may be back.
        """
        for file in self.files:
            file.touch()
        images, boxes = read_images(self.files[0]), mapped(self.files[1], BOX)
        whole, end = 0, 0
        while (
            whole < len(images) and images[whole]['start'] == end and intact(images[whole], boxes)
        ):
            whole, end = whole + 1, last_box(images[whole])
        readable = np.flatnonzero(~unreadable(images[:whole]))
        images = images[: readable[-1] + 1 if len(readable) else 0]
        os.truncate(self.files[0], images.nbytes)
        os.truncate(self.files[1], (last_box(images[-1]) if len(images) else 0) * BOX.itemsize)
        return images

    def require_same_images(self, images: Sequence[tuple[int | str, str]]) -> None:
        """Compare the images that an earlier process left with those that now have their places, by id and name.

        Of evenly spread ones the size is compared, too.

        Args:
            images: Id and path of each.

        Raises:
            BankError: If another image stands there.
        """
        for record, (img_id, path) in zip(self.images, images, strict=True):
            if (record['key'], record['name']) != (image_key(img_id), name_code(path)):
                raise self._begun_on_others(record, f'image {img_id!r}, {path}')
        step = -(-len(images) // MAX_COMPARED_SIZES) or 1
        for record, (_, path) in zip(self.images[::step], images[::step], strict=True):
            if found := other_size(path, record):
                raise self._begun_on_others(record, found)

    def _begun_on_others(self, record: np.void, found: str) -> BankError:
        return BankError(
            f'the label bank was begun on other images: {self.files[0]}',
            f'image {record["key"]} of the bank, in its place of the data set',
            found,
            'restore the list of images, or make another bank with another --out',
        )

    def append(self, found: Sequence[LabeledImage]) -> None:
        """Add the next images, at least one, in the order of the data set."""
        boxes = [part for image in found for part in (image.plain, image.mirrored)]
        counts = np.array([len(part) for part in boxes], dtype=np.int64).reshape(-1, 2)
        ends = self.boxes + counts.sum(axis=1).cumsum()
        records = np.zeros(len(found), IMAGE)
        records['key'] = [image_key(image.img_id) for image in found]
        records['name'] = [name_code(image.path) for image in found]
        records['size'] = [image.size for image in found]
        records['view'] = [image.view for image in found]
        records['boxes'] = counts
        records['start'] = ends - counts.sum(axis=1)
        for record, *views in zip(records, boxes[::2], boxes[1::2], strict=True):
            record['crc'] = record_code(record, np.concatenate(views))
        append_bytes(self.files[1], b''.join(part.tobytes() for part in boxes))
        append_bytes(self.files[0], records.tobytes())
        self.done += len(found)
        self.boxes = int(ends[-1])


def read_images(file: Path) -> np.ndarray:
    """The whole IMAGE records of a file."""
    return np.fromfile(file, dtype=IMAGE, count=file.stat().st_size // IMAGE.itemsize)


def unreadable(images: np.ndarray) -> np.ndarray:
    """Which images no teacher saw; shape (n,), bool."""
    return images['view'][:, 0] == 0


def append_bytes(file: Path, content: bytes) -> None:
    """Write behind what is there; a killed process does not take it away, only the machine's own end may."""
    with open(file, 'ab') as stream:
        stream.write(content)


def images_done(folder: Path, header: Header) -> int:
    """Images of all shards that are there, whichever process wrote them."""
    return sum(images_in_shard(folder, shard) for shard in range(header.num_shards))


def images_in_shard(folder: Path, shard: int) -> int:
    """Images of one shard that are there."""
    try:
        return shard_files(folder, shard)[0].stat().st_size // IMAGE.itemsize
    except FileNotFoundError:
        return 0
