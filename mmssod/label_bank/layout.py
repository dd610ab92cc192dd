"""The files of a label bank on disk.

A bank is a folder. Its ``N`` images, in the order of the data set, are cut into shards of ``shard_size`` images::

    bank.json            who labeled what, and how: the header
    shards/00000.images  one IMAGE record per image, in order
    shards/00000.boxes   one BOX record per box: for each image those of the plain view, then of the mirrored one
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
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch

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
        ('view', '<i4', (2,)),  # height, width that the teacher saw, px; 0 if unreadable
        ('start', '<i8'),  # its first box in the shard
        ('boxes', '<i4', (2,)),  # boxes of the plain and of the mirrored view
        ('crc', '<u4'),  # record_code of all of this and of its boxes
    ]
)

AGAIN = (
    'make it again with this config: tools/make_label_bank.py CONFIG CHECKPOINT --out NEW_FOLDER'
)
GO_ON = 'call tools/make_label_bank.py again as before: it goes on where it was'


class BankError(InputError):
    """A bank that cannot be used as asked; ``problem`` says why, and how to fix it."""

    def __init__(self, what: str, expected: str, actual: str, fix: str) -> None:
        self.problem = Problem(what, expected, actual, fix)
        super().__init__(str(self.problem))


@dataclass(frozen=True)
class Header:
    """Everything that the labels of a bank depend on, and its division into shards."""

    checkpoint: str  # file of the teacher when the bank was made
    teacher: str  # digest of its weights (mmssod.models.checkpoint_parts.weights_digest)
    detector: str  # digest of its config as far as predictions depend on it
    config: str  # file name of the config
    classes: tuple[str, ...]  # names, in the order of labels
    floor: float  # least p of a box
    view: list[dict[str, Any]]  # steps of the pipeline that makes the view, up to the flip
    mirrored: bool  # whether the mirrored view was labeled, too
    images: int  # number of images, N
    shard_size: int  # images a shard; the last one may have fewer
    shards: tuple[int, ...] = ()  # boxes of each shard, of a finished bank
    format: str = FORMAT

    @property
    def num_shards(self) -> int:
        """Number of shards of the complete bank."""
        return -(-self.images // self.shard_size)

    def span(self, shard: int) -> range:
        """The images of a shard."""
        start = shard * self.shard_size
        return range(start, min(start + self.shard_size, self.images))

    def differences(self, other: Header) -> dict[str, tuple[Any, Any]]:
        """Differences between the headers of two banks: name, our value and theirs."""
        names = ('teacher', 'detector', 'classes', 'floor', 'view', 'mirrored', 'images')
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in names}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def save(self, folder: Path, *, first: bool = False) -> None:
        """Write it at once or not at all; ``first``: of several writers the first one's stays."""
        folder.mkdir(parents=True, exist_ok=True)
        content = asdict(self)
        content['crc'] = _code(content)
        write = write_first if first else write_whole
        write(folder / HEADER, json.dumps(content, indent=1).encode())

    @classmethod
    def load(cls, folder: Path) -> Header:
        """Read it; none, or not one that can be read, is a BankError."""
        file = folder / HEADER
        if not file.is_file():
            raise BankError(
                'no label bank',
                f'{file}',
                f'nothing at {file.absolute()}',
                f'make it: tools/make_label_bank.py CONFIG CHECKPOINT --out {folder}',
            )
        try:
            content = json.loads(file.read_text(encoding='utf-8'))
            if content['format'] == EARLIER_FORMAT:  # its records have no checksums
                what = f'the label bank {folder} is of an earlier version'
                raise BankError(what, f'a {FORMAT}', f'a {EARLIER_FORMAT}', AGAIN)
            if content.pop('crc') != _code(content):
                raise InputError('values with which no bank was made: it was edited')
            lists = {name: tuple(content[name]) for name in ('classes', 'shards')}
            return cls(**{**content, **lists})
        except BankError:
            raise
        except (ValueError, KeyError, TypeError) as error:
            raise damaged(file, f'the header of a {FORMAT}', str(error)) from error


def _code(content: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(content).encode())


def damaged(file: Path, expected: str, actual: str) -> BankError:
    """The error of a file that is not what it was when it was written."""
    return BankError(
        f'the label bank is damaged: {file}',
        expected,
        actual,
        f'copy the bank again, or delete {file.parent} and make it again with tools/make_label_bank.py',
    )


def shard_files(folder: Path, shard: int) -> tuple[Path, Path]:
    """Files of a shard: records of its images and of its boxes."""
    stem = folder / 'shards' / f'{shard:05}'
    return stem.with_suffix('.images'), stem.with_suffix('.boxes')


def mapped(folder: Path, shard: int) -> tuple[np.ndarray, np.ndarray]:
    """The whole IMAGE and BOX records of a shard, not read before they are used, and not to be written to."""
    images, boxes = shard_files(folder, shard)
    return _mapped(images, IMAGE), _mapped(boxes, BOX)


def _mapped(file: Path, dtype: np.dtype) -> np.ndarray:
    size = file.stat().st_size // dtype.itemsize * dtype.itemsize
    if not size:  # nothing cannot be mapped
        return np.zeros(0, dtype)
    # Not np.memmap, which keeps a descriptor: a process may have 1024, and 100 million images are 1526 shards.
    content = torch.from_file(str(file), shared=False, size=size, dtype=torch.uint8).numpy()
    content.flags.writeable = False
    return content.view(dtype)


def last_box(image: np.void) -> int:
    """Where the boxes of an image end in its shard."""
    return int(image['start'] + image['boxes'].sum())


def views_of(image: np.void, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The BOX records of an image's plain and mirrored view; ``boxes`` are all of its shard."""
    middle = int(image['start'] + image['boxes'][0])
    return boxes[image['start'] : middle], boxes[middle : last_box(image)]


def record_code(image: np.void, plain: np.ndarray, mirrored: np.ndarray) -> int:
    """CRC-32 of an IMAGE record, but for this code itself, and of its BOX records."""
    code = zlib.crc32(image.tobytes()[: -IMAGE['crc'].itemsize])
    return zlib.crc32(mirrored.data, zlib.crc32(plain.data, code))


def image_key(img_id: int | str) -> int:
    """64 bits that stand for an image id: a whole number is itself, other ids are hashed."""
    if not isinstance(img_id, str):
        return int(img_id)
    return int.from_bytes(blake2b(_utf8(img_id), digest_size=8).digest(), 'little', signed=True)


def name_code(path: str) -> int:
    """32 bits that stand for a file name without its folder, which may lie elsewhere on another machine."""
    return zlib.crc32(_utf8(os.path.basename(path)))


def _utf8(name: str) -> bytes:
    return name.encode('utf-8', 'surrogatepass')  # for bytes of a file name that are not


def order_of(keys: np.ndarray) -> np.ndarray:
    """Places of the keys in rising order, shape (N,), int64; two equal keys are a BankError."""
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
