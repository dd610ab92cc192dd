"""A finished bank: labels by image id, from mapped files. ``n`` boxes of one view."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from mmssod.datasets.aspect import header_size
from mmssod.label_bank.layout import (
    BOX,
    IMAGE,
    KEYS,
    ROWS,
    BankError,
    Header,
    damaged,
    image_key,
    intact,
    last_box,
    name_code,
    shard_files,
)


class Found(NamedTuple):
    """The labels of one view of one image."""

    boxes: np.ndarray  # BOX records, shape (n,)
    view: tuple[int, int]  # height, width that their pixels count, px


class LabelBankFiles:
    """Reads a bank.

    Opening it compares the sizes of its files with the header; boxes are read when they are asked for, so memory does
    not grow with the bank.

    Args:
        folder: Of the bank.

    Raises:
        BankError: There is no bank, it is not finished, or a file is not as long as it was.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.header = Header.load(self.folder)
        self._require_finished()
        self._require_sizes()
        self._keys, self._rows = (self._index(name) for name in (KEYS, ROWS))
        self._maps: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __deepcopy__(self, memo: dict) -> LabelBankFiles:
        return self  # nothing in it changes; a copy of a mapped file would be read as a whole

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.folder,)

    def __len__(self) -> int:
        return self.header.images

    def look_up(
        self,
        img_id: int | str,
        path: str,
        *,
        mirrored: bool,
        size: tuple[int, int] | None = None,
    ) -> Found:
        """The labels of a view.

        Args:
            img_id: As the data set has it.
            path: The image's file; its name is compared with the one that was labeled.
            mirrored: Which of the two views.
            size: Height and width of the original image, px, where they are to be compared with those labeled.

        Raises:
            BankError: The image is not in the bank, another file was labeled under its id, it has another size now,
                only plain views were labeled, or its labels are not what was written.
        """
        row = int(self.rows_of(np.array([image_key(img_id)]))[0])
        if row < 0:
            raise self.absent(f'{img_id!r} ({path})')
        image, boxes = self.image(row), self.shard(row // self.header.shard_size)[1]
        if not intact(image, boxes):
            raise self._wrong_record(row)
        if image['name'] != name_code(path):
            raise self.absent(f'{img_id!r} ({path})', known=True)
        if mirrored and not self.header.mirrored:
            raise BankError(
                f'the label bank {self.folder} has no labels of mirrored views',
                'a weak view that is never flipped, as when the bank was made',
                f'image {img_id!r}, flipped',
                'make the bank again with this config',
            )
        if size is not None and (told := other_size(path, image, size)):
            raise self.of_others(told, 'this one')
        middle = int(image['start'] + image['boxes'][0])
        found = boxes[middle : last_box(image)] if mirrored else boxes[image['start'] : middle]
        return Found(found, (int(image['view'][0]), int(image['view'][1])))

    def of_others(self, found: str, share: str) -> BankError:
        """The error of images that are not those labeled; ``share`` of them are what ``found`` says."""
        return BankError(
            f'the label bank {self.folder} is of other pictures: {share}',
            'images of the sizes that were labeled',
            found,
            'restore the images, or make the bank again: tools/pseudo_label.py CONFIG CHECKPOINT --out NEW_FOLDER',
        )

    def absent(self, image: str, known: bool = False) -> BankError:
        """The error of an image without labels; ``known`` if its id belongs to another file."""
        what = 'has other images' if known else 'lacks images'
        return BankError(
            f'the label bank {self.folder} {what}',
            f'labels of image {image}',
            'its id belongs to another file' if known else f'not among its {len(self)} images',
            'make the bank again with this config: tools/pseudo_label.py CONFIG CHECKPOINT --out NEW_FOLDER',
        )

    def rows_of(self, keys: np.ndarray) -> np.ndarray:
        """Which image each key belongs to, -1 for none; shape (n,) in and out, int64.

        Raises:
            BankError: The index names an image beyond the last.
        """
        places = np.searchsorted(self._keys, keys).clip(max=len(self._keys) - 1)
        rows = self._rows[places]
        if rows.size and not 0 <= rows.min() <= rows.max() < len(self):
            raise self._wrong_index(f'{rows.min()} to {rows.max()}')
        return np.where(self._keys[places] == keys, rows, -1)

    def image(self, row: int) -> np.void:
        """The IMAGE record of an image by its place."""
        shard, place = divmod(row, self.header.shard_size)
        return self.shard(shard)[0][place]

    def shard(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """IMAGE and BOX records of a shard, mapped when they are first asked for."""
        if number not in self._maps:
            images, boxes = shard_files(self.folder, number)
            self._maps[number] = mapped(images, IMAGE), mapped(boxes, BOX)
        return self._maps[number]

    def names_of(self, rows: np.ndarray) -> np.ndarray:
        """Codes of the names of images by their places, shape (n,), uint32."""
        codes = np.zeros(len(rows), IMAGE['name'])
        shards = rows // self.header.shard_size
        for number in np.unique(shards):
            here = shards == number
            codes[here] = self.shard(int(number))[0]['name'][rows[here] % self.header.shard_size]
        return codes

    def verify(self) -> None:
        """Read all files and compare images with their checksums, the index with the images.

        Raises:
            BankError: If one is not what it was.
        """
        self._verify_index()
        for row in range(len(self)):
            if not intact(self.image(row), self.shard(row // self.header.shard_size)[1]):
                raise self._wrong_record(row)

    def _verify_index(self) -> None:
        """Each image is in the index once, under its key."""
        rows = np.array(self._rows)
        if not np.array_equal(np.sort(rows), np.arange(len(self))):
            raise self._wrong_index('other numbers')
        keys = np.empty_like(rows)
        keys[rows] = self._keys
        for number in range(self.header.num_shards):
            span = self.header.span(number)
            if not np.array_equal(self.shard(number)[0]['key'], keys[span.start : span.stop]):
                raise damaged(self.folder / KEYS, f'the keys of shard {number}', 'others')

    def _wrong_record(self, row: int) -> BankError:
        file = shard_files(self.folder, row // self.header.shard_size)[0].with_suffix('')
        return damaged(file, f'CRC-32 {self.image(row)["crc"]:08x} of image {row}', 'another')

    def _wrong_index(self, found: str) -> BankError:
        return damaged(self.folder / ROWS, f'each of 0 to {len(self) - 1} once', found)

    @property
    def num_bytes(self) -> int:
        """Size of all shards."""
        return len(self) * IMAGE.itemsize + sum(self.header.shards) * BOX.itemsize

    def _require_finished(self) -> None:
        if len(self.header.shards) != self.header.num_shards:
            raise BankError(
                f'the label bank {self.folder} is not finished',
                'a run of tools/pseudo_label.py that came to its end',
                'one that did not',
                'call tools/pseudo_label.py again as before: it goes on where it was',
            )

    def _require_sizes(self) -> None:
        for number, boxes in enumerate(self.header.shards):
            sizes = len(self.header.span(number)) * IMAGE.itemsize, boxes * BOX.itemsize
            for file, size in zip(shard_files(self.folder, number), sizes, strict=True):
                found = file.stat().st_size if file.is_file() else 'no file'
                if found != size:
                    raise damaged(file, f'{size} bytes', f'{found}')

    def _index(self, name: str) -> np.ndarray:
        file = self.folder / name
        try:
            index: np.ndarray = np.load(file, mmap_mode='r', allow_pickle=False)
        except Exception as error:  # numpy reads a damaged header as Python's literals
            raise damaged(file, f'{len(self)} numbers', str(error)) from error
        if index.shape != (len(self),) or index.dtype != np.int64:
            raise damaged(file, f'{len(self)} numbers', f'{index.shape} of {index.dtype}')
        return index


def mapped(file: Path, dtype: np.dtype) -> np.ndarray:
    """The whole records of a file, without reading it; shape (n,), not to be written to.

    PyTorch closes the file that it has mapped. A ``np.memmap`` keeps a descriptor, of which a process may have 1024,
    and 100 million images are 1526 shards of two files.
    """
    size = file.stat().st_size // dtype.itemsize * dtype.itemsize
    if not size:  # nothing cannot be mapped
        return np.zeros(0, dtype)
    content = torch.from_file(str(file), shared=False, size=size, dtype=torch.uint8).numpy()
    content.flags.writeable = False
    return content.view(dtype)


def other_size(path: str, image: np.void, size: tuple[int, int] | None = None) -> str:
    """What tells that a file is another picture than that of an IMAGE record; nothing if its size is the same.

    Args:
        path: Of the file.
        image: Nothing is said where it has no size, since it could not be read.
        size: Height and width of the file, px; None: read from its header, and nothing is said if that fails.
    """
    width, height = header_size(path) if size is None else (size[1], size[0])
    old_height, old_width = image['size'].tolist()
    if not old_height or math.isnan(width) or (height, width) == (old_height, old_width):
        return ''
    return f'{path}: {width:.0f} x {height:.0f}, labeled at {old_width} x {old_height}'
