"""One shard while it is written: it grows by whole images, whatever ends the process."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmssod.label_bank.bank import mapped
from mmssod.label_bank.layout import (
    BOX,
    IMAGE,
    BankError,
    Header,
    image_key,
    name_code,
    shard_files,
)
from mmssod.label_bank.lock import WriterLock


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

    An image is there or not: boxes are written before the record that names them, and what an interrupted write left
    behind is cut off at the next start. So a killed process loses nothing that it had appended. What a machine loses
    that goes down is what its system had not written yet: zeros, or nothing, at the end of a file.

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
        images = read_images(self.files[0])
        lost = np.flatnonzero(mapped(self.files[1], BOX)['p'] == 0)  # no box has p = 0
        boxes = lost[0] if len(lost) else self.files[1].stat().st_size // BOX.itemsize
        ends = images['start'] + images['boxes'].sum(axis=1)
        sound = (images['name'] != 0) & (images['start'] == np.append(0, ends)[:-1])
        whole = int((sound & (ends <= boxes)).cumprod().sum())
        readable = np.flatnonzero(~unreadable(images[:whole]))
        images = images[: readable[-1] + 1 if len(readable) else 0]
        os.truncate(self.files[0], images.nbytes)
        os.truncate(self.files[1], (last_box(images[-1]) if len(images) else 0) * BOX.itemsize)
        return images

    def require_same_images(self, images: Sequence[tuple[int | str, str]]) -> None:
        """Compare the images that an earlier process left with those that now have their places.

        Args:
            images: Id and path of each.

        Raises:
            BankError: If another image stands there.
        """
        for record, (img_id, path) in zip(self.images, images, strict=True):
            if (record['key'], record['name']) != (image_key(img_id), name_code(path)):
                raise BankError(
                    f'the label bank was begun on other images: {self.files[0]}',
                    f'image {record["key"]} of the bank, in its place of the data set',
                    f'image {img_id!r}, {path}',
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
        append_bytes(self.files[1], b''.join(part.tobytes() for part in boxes))
        append_bytes(self.files[0], records.tobytes())
        self.done += len(found)
        self.boxes = int(ends[-1])


def last_box(image: np.void) -> int:
    """Where the boxes of an image end in its shard."""
    return int(image['start'] + image['boxes'].sum())


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
