"""Writes the files of a bank: shards that grow by complete images even if a process is killed, then the index."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmssod.environment.file_lock import FileLock
from mmssod.environment.whole_files import write_whole
from mmssod.label_bank import layout
from mmssod.label_bank.bank import other_size
from mmssod.label_bank.layout import BOX, IMAGE, BankError, Header, last_box, mapped, shard_files

MAX_COMPARED_SIZES = 200
"""Images of a shard whose headers are read where a bank goes on, to compare their sizes with those labeled."""


class WriterLock(FileLock):
    """The lock of a shard, or of the whole bank, see ``FileLock``.

    Raises:
        BankError: Another process holds it.
    """

    def _held(self, file: Path) -> Exception:
        return BankError(
            f'the label bank is being written by another process: {file.with_suffix("")}',
            'one process that writes it',
            f'{self._holder()} does',
            'wait until that one is done, or end it and call tools/make_label_bank.py again; for several processes at '
            'once give --launcher, for another bank another --out',
        )


class LabeledImage(NamedTuple):
    """A teacher's detections in one image."""

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
        folder: Folder of the bank.
        header: Header of the bank.
        shard: Number of the shard.

    Raises:
        BankError: Another process writes it.
    """

    def __init__(self, folder: Path, header: Header, shard: int) -> None:
        self.span = header.span(shard)
        self.files = shard_files(folder, shard)
        self.files[0].parent.mkdir(parents=True, exist_ok=True)
        self._lock = WriterLock(self.files[0].with_suffix('.lock'))
        for file in self.files:
            file.touch()
        self.images = _whole_images(*mapped(folder, shard))  # IMAGE records of an earlier process
        self.done = len(self.images)  # images that are there
        self.boxes = last_box(self.images[-1]) if self.done else 0
        os.truncate(self.files[0], self.done * IMAGE.itemsize)
        os.truncate(self.files[1], self.boxes * BOX.itemsize)

    def require_same_images(self, images: Sequence[tuple[int | str, str]]) -> None:
        """Compare the images that an earlier process left with those that now have their places.

        Args:
            images: Id and path of each; of evenly spread ones the size is compared, too.

        Raises:
            BankError: If another image stands there.
        """
        sized = range(0, len(images), -(-len(images) // MAX_COMPARED_SIZES) or 1)
        for place, (record, (img_id, path)) in enumerate(zip(self.images, images, strict=True)):
            codes = layout.image_key(img_id), layout.name_code(path)
            found = f'image {img_id!r}, {path}' if (record['key'], record['name']) != codes else ''
            if not found and place in sized:
                found = other_size(path, record)
            if found:
                raise BankError(
                    f'the label bank was begun on other images: {self.files[0]}',
                    f'image {record["key"]} of the bank, in its place of the data set',
                    found,
                    'restore the list of images, or make another bank with another --out',
                )

    def append(self, found: Sequence[LabeledImage]) -> None:
        """Add the next images, at least one, in the order of the data set."""
        records, boxes, end = np.zeros(len(found), IMAGE), [], self.boxes
        for record, image in zip(records, found, strict=True):
            record['key'] = layout.image_key(image.img_id)
            record['name'] = layout.name_code(image.path)
            record['size'], record['view'] = image.size, image.view
            record['boxes'], record['start'] = (len(image.plain), len(image.mirrored)), end
            record['crc'] = layout.record_code(record, image.plain, image.mirrored)
            boxes += [image.plain.tobytes(), image.mirrored.tobytes()]
            end = last_box(record)
        append_bytes(self.files[1], b''.join(boxes))
        append_bytes(self.files[0], records.tobytes())
        self.done, self.boxes = self.done + len(found), end


def _whole_images(images: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The records before the first that is not whole, without unreadable images at the end.

    Those are tried again: where a disk was gone, it may be back.
    """
    whole, end = 0, 0
    for image in images:
        code = layout.record_code(image, *layout.views_of(image, boxes))
        if image['start'] != end or image['crc'] != code:
            break
        whole, end = whole + 1, last_box(image)
    readable = np.flatnonzero(~unreadable(images[:whole]))
    return images[: readable[-1] + 1 if len(readable) else 0].copy()


def unreadable(images: np.ndarray) -> np.ndarray:
    """Images that could not be labeled; shape (n,), bool."""
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


def finish(folder: Path, header: Header) -> Header:
    """Close a bank whose shards are all written: force them to the disk, write the index, and the header last.

    Returns:
        The finished header.

    Raises:
        BankError: Two images have the same id.
    """
    keys, num_boxes = np.empty(header.images, np.int64), []
    for shard in range(header.num_shards):
        images, _ = mapped(folder, shard)
        span = header.span(shard)
        keys[span.start : span.stop] = images['key']
        num_boxes.append(last_box(images[-1]))
        for file in shard_files(folder, shard):
            with open(file, 'rb') as stream:
                os.fsync(stream.fileno())
    rows = layout.order_of(keys)
    for name, index in ((layout.KEYS, keys[rows]), (layout.ROWS, rows)):
        content = BytesIO()
        np.save(content, index, allow_pickle=False)
        write_whole(folder / name, content.getvalue())
    finished = replace(header, shards=tuple(num_boxes))
    finished.save(folder)
    return finished
