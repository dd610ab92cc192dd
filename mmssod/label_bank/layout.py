"""How a label bank lies on disk.

A bank is a folder. Its ``N`` images, in the order of the data set, are cut into shards of ``shard_size`` images::

    bank.json            who labeled what, and how: the header
    shards/00000.images  one IMAGE record an image, in order
    shards/00000.boxes   one BOX record a box: of each image those of the plain view, then of the mirrored one
    shards/00000.lock    who writes the shard, or wrote it last; bank.lock: who closes the bank
    keys.npy, rows.npy   keys of all images, rising, and which image each is; shape (N,), int64
    labels.json          the same for other tools: COCO json in pixels of the original images
    unreadable.txt       files of the images that could not be read, if any

Records are plain memory: a file is mapped, not read, so that its size is no matter and all processes of a machine share
it. Nothing is pickled. A shard's files grow by appending; an image counts when its IMAGE record, which is written after
its boxes, has the checksum of both. An image that cannot be read has a record, too, with a view of 0 x 0 and no boxes.
A bank is finished when its header has ``shards``.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_first, write_whole
from mmssod.structures import Problem

FORMAT, EARLIER_FORMAT = 'mmssod label bank 2', 'mmssod label bank 1'
HEADER, KEYS, ROWS, COCO = 'bank.json', 'keys.npy', 'rows.npy', 'labels.json'
LOCK, UNREADABLE = 'bank.lock', 'unreadable.txt'

BOX = np.dtype(
    [
        ('box', '<f4', (4,)),  # x1 y1 x2 y2 in pixels of the view, as the teacher gave them
        ('p', '<f4'),
        ('v', '<f4'),
        ('label', '<u2'),
    ]
)
IMAGE = np.dtype(
    [
        ('key', '<i8'),  # image_key of its id
        ('name', '<u4'),  # name_code of its file
        ('size', '<i4', (2,)),  # height, width of the original image, px
        (
            'view',
            '<i4',
            (2,),
        ),  # height, width that the teacher saw, px; 0 where the file cannot be read
        ('start', '<i8'),  # its first box in the shard
        ('boxes', '<i4', (2,)),  # boxes of the plain and of the mirrored view
        ('crc', '<u4'),  # record_code of all of this and of its boxes
    ]
)


class BankError(InputError):
    """A bank that cannot be used as asked; ``problem`` says why, and how it is mended."""

    def __init__(self, what: str, expected: str, actual: str, fix: str) -> None:
        self.problem = Problem(what, expected, actual, fix)
        super().__init__(str(self.problem))


@dataclass(frozen=True)
class Header:
    """What the labels of a bank depend on, and how they are cut.

    Args:
        checkpoint: File of the teacher when the bank was made.
        teacher: Digest of the teacher's weights (:func:`mmssod.models.checkpoint_parts.weights_digest`).
        detector: Digest of the teacher's config as far as predictions depend on it.
        config: File name of the config.
        classes: Names, in the order of labels.
        floor: Least p of a box.
        view: Steps of the pipeline that makes the view, up to the flip.
        mirrored: Whether the mirrored view was labeled, too.
        images: Number of images, N.
        shard_size: Images a shard; the last one may have fewer.
        shards: Boxes of each shard, of a finished bank.
        format: Version of the layout.
    """

    checkpoint: str
    teacher: str
    detector: str
    config: str
    classes: tuple[str, ...]
    floor: float
    view: list[dict[str, Any]]
    mirrored: bool
    images: int
    shard_size: int
    shards: tuple[int, ...] = ()
    format: str = FORMAT

    @property
    def num_shards(self) -> int:
        """How many shards there are or will be."""
        return -(-self.images // self.shard_size)

    def span(self, shard: int) -> range:
        """The images of a shard."""
        start = shard * self.shard_size
        return range(start, min(start + self.shard_size, self.images))

    def differences(self, other: Header) -> dict[str, tuple[Any, Any]]:
        """What two banks' labels depend on and is not the same in both: by name, ours and theirs."""
        names = ('teacher', 'detector', 'classes', 'floor', 'view', 'mirrored', 'images')
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in names}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def finished(self, shards: Sequence[int]) -> Header:
        """The header of the same bank with all its shards."""
        return replace(self, shards=tuple(shards))

    def save(self, folder: Path, *, first: bool = False) -> None:
        """Write it at once or not at all.

        Args:
            folder: Of the bank.
            first: Leave the header that is there; of several writers the first one's stays.
        """
        folder.mkdir(parents=True, exist_ok=True)
        write = write_first if first else write_whole
        content = asdict(self)
        write(
            folder / HEADER, json.dumps({**content, 'crc': text_code(content)}, indent=1).encode()
        )

    @classmethod
    def load(cls, folder: Path) -> Header:
        """Read it.

        Raises:
            BankError: There is none, or not one that can be read.
        """
        file = folder / HEADER
        if not file.is_file():
            raise BankError(
                'no label bank',
                f'{file}',
                f'nothing at {file.absolute()}',
                f'make it: tools/pseudo_label.py CONFIG CHECKPOINT --out {folder}',
            )
        try:
            content = json.loads(file.read_text(encoding='utf-8'))
            if content['format'] == EARLIER_FORMAT:
                raise earlier(folder)
            if text_code(content) != content.pop('crc'):
                raise InputError('values with which no bank was made: it was edited')
            lists = {name: tuple(content[name]) for name in ('classes', 'shards')}
            return cls(**{**content, **lists})
        except BankError:
            raise
        except (ValueError, KeyError, TypeError) as error:
            raise damaged(file, f'the header of a {FORMAT}', str(error)) from error


def damaged(file: Path, expected: str, actual: str) -> BankError:
    """The error of a file that is not what it was when it was written."""
    return BankError(
        f'the label bank is damaged: {file}',
        expected,
        actual,
        f'copy the bank again, or delete {file.parent} and make it again with tools/pseudo_label.py',
    )


def earlier(folder: Path) -> BankError:
    """The error of a bank whose records have no checksums."""
    return BankError(
        f'the label bank {folder} is of an earlier version',
        f'a {FORMAT}',
        f'a {EARLIER_FORMAT}',
        'make it again: tools/pseudo_label.py CONFIG CHECKPOINT --out NEW_FOLDER',
    )


def text_code(content: dict[str, Any]) -> int:
    """CRC-32 of the values of a header but for ``crc``."""
    values = {name: value for name, value in content.items() if name != 'crc'}
    return zlib.crc32(json.dumps(values).encode())


def record_code(image: np.void, boxes: np.ndarray) -> int:
    """CRC-32 of an IMAGE record, but for this code itself, and of its BOX records."""
    return zlib.crc32(boxes.data, zlib.crc32(image.tobytes()[: -IMAGE['crc'].itemsize]))


def intact(image: np.void, boxes: np.ndarray) -> bool:
    """Whether an image and its boxes are what was written; ``boxes`` are all of its shard."""
    return bool(image['crc'] == record_code(image, boxes[image['start'] : last_box(image)]))


def last_box(image: np.void) -> int:
    """Where the boxes of an image end in its shard."""
    return int(image['start'] + image['boxes'].sum())


def shard_files(folder: Path, shard: int) -> tuple[Path, Path]:
    """Files of a shard: records of its images and of its boxes."""
    stem = folder / 'shards' / f'{shard:05}'
    return stem.with_suffix('.images'), stem.with_suffix('.boxes')


def image_key(img_id: int | str) -> int:
    """64 bits that stand for an image id: a whole number is itself, other ids are hashed."""
    if isinstance(img_id, str):
        return int.from_bytes(
            blake2b(_bytes(img_id), digest_size=8).digest(), 'little', signed=True
        )
    return int(img_id)


def name_code(path: str) -> int:
    """32 bits that stand for a file name without its folder, which may lie elsewhere on another machine."""
    return zlib.crc32(_bytes(os.path.basename(path)))


def _bytes(name: str) -> bytes:
    """In UTF-8, also what stands for bytes of a file name that are not."""
    return name.encode('utf-8', 'surrogatepass')
