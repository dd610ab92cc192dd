"""Reads a finished bank: labels by image id, from memory-mapped files. ``n`` boxes of one view."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmssod.datasets.aspect import header_size
from mmssod.label_bank import layout
from mmssod.label_bank.layout import BOX, IMAGE, KEYS, ROWS, BankError, Header, damaged, shard_files


class Found(NamedTuple):
    """The labels of one view of one image."""

    boxes: np.ndarray  # BOX records, shape (n,)
    view: tuple[int, int]  # height, width that their pixels count, px


class LabelBankFiles:
    """Reads a bank.

    Opening it compares the sizes of its files with the header; boxes are read when they are asked for, so memory does
    not grow with the bank.

    Args:
        folder: Folder of the bank.

    Raises:
        BankError: There is no bank, it is not finished, or a file is not as long as it was.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.header = Header.load(self.folder)
        if len(self.header.shards) != self.header.num_shards:
            raise BankError(
                f'the label bank {self.folder} is not finished',
                'a run of tools/make_label_bank.py that came to its end',
                'one that did not',
                layout.GO_ON,
            )
        for number, boxes in enumerate(self.header.shards):
            sizes = len(self.header.span(number)) * IMAGE.itemsize, boxes * BOX.itemsize
            for file, size in zip(shard_files(self.folder, number), sizes, strict=True):
                found = file.stat().st_size if file.is_file() else 'no file'
                if found != size:
                    raise damaged(file, f'{size} bytes', f'{found}')
        self._keys, self._rows = (self._index(name) for name in (KEYS, ROWS))
        self._maps: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def _index(self, name: str) -> np.ndarray:
        file = self.folder / name
        try:
            index: np.ndarray = np.load(file, mmap_mode='r', allow_pickle=False)
        except Exception as error:  # numpy reads a damaged header as Python's literals
            raise damaged(file, f'{len(self)} numbers', str(error)) from error
        if index.shape != (len(self),) or index.dtype != np.int64:
            raise damaged(file, f'{len(self)} numbers', f'{index.shape} of {index.dtype}')
        return index

    def __deepcopy__(self, memo: dict) -> LabelBankFiles:
        return self  # nothing in it changes; a copy of a mapped file would be read as a whole

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.folder,)

    def __len__(self) -> int:
        return self.header.images

    @property
    def num_bytes(self) -> int:
        """Size of all shards."""
        return len(self) * IMAGE.itemsize + sum(self.header.shards) * BOX.itemsize

    def look_up(
        self, img_id: int | str, path: str, *, mirrored: bool, size: tuple[int, int] | None = None
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
        row = int(self.rows_of(np.array([layout.image_key(img_id)]))[0])
        if row < 0:
            raise self.absent(img_id, path)
        image, views = self._intact(row)
        if image['name'] != layout.name_code(path):
            raise self.absent(img_id, path, known=True)
        if mirrored and not self.header.mirrored:
            raise BankError(
                f'the label bank {self.folder} has no labels of mirrored views',
                'a weak view that is never flipped, as when the bank was made',
                f'image {img_id!r}, flipped',
                layout.AGAIN,
            )
        if size is not None and (told := other_size(path, image, size)):
            raise self.of_others(told, 'this one')
        return Found(views[mirrored], tuple(image['view'].tolist()))

    def rows_of(self, keys: np.ndarray) -> np.ndarray:
        """Which image each key belongs to, -1 for none; shape (n,) in and out, int64."""
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
            self._maps[number] = layout.mapped(self.folder, number)
        return self._maps[number]

    def _intact(self, row: int) -> tuple[np.void, tuple[np.ndarray, np.ndarray]]:
        """An image's record, and the BOX records of its two views."""
        image, number = self.image(row), row // self.header.shard_size
        views = layout.views_of(image, self.shard(number)[1])
        if image['crc'] != layout.record_code(image, *views):
            file = shard_files(self.folder, number)[0].with_suffix('')
            raise damaged(file, f'CRC-32 {image["crc"]:08x} of image {row}', 'another')
        return image, views

    def verify(self) -> None:
        """Read all files; an image that does not fit its checksum, or an index its images, is a BankError."""
        rows = np.array(self._rows)
        if not np.array_equal(np.sort(rows), np.arange(len(self))):
            raise self._wrong_index('other numbers')
        shards = range(self.header.num_shards)
        keys = np.concatenate([self.shard(number)[0]['key'] for number in shards])
        if not np.array_equal(keys[rows], self._keys):
            raise damaged(self.folder / KEYS, 'the keys of its images', 'others')
        for row in range(len(self)):
            self._intact(row)

    def _wrong_index(self, found: str) -> BankError:
        return damaged(self.folder / ROWS, f'each of 0 to {len(self) - 1} once', found)

    def of_others(self, found: str, share: str) -> BankError:
        """The error of images that are not those labeled; ``share`` of them are what ``found`` says."""
        return BankError(
            f'the label bank {self.folder} is of other pictures: {share}',
            'images of the sizes that were labeled',
            found,
            f'restore the images, or {layout.AGAIN}',
        )

    def absent(self, img_id: int | str, path: str, known: bool = False) -> BankError:
        """The error of an image without labels; ``known`` if its id belongs to another file."""
        return BankError(
            f'the label bank {self.folder} {"has other" if known else "lacks"} images',
            f'labels of image {img_id!r} ({path})',
            'its id belongs to another file' if known else f'not among its {len(self)} images',
            layout.AGAIN,
        )


def other_size(path: str, image: np.void, size: tuple[int, int] | None = None) -> str:
    """What tells that a file is another picture than that of an IMAGE record; nothing if its size is the same.

    Nothing is said either where one of both cannot be read. ``size``: height and width of the file, px, if they are
    known.
    """
    height, width = header_size(path)[::-1] if size is None else size[:2]
    old_height, old_width = image['size'].tolist()
    if not old_height or math.isnan(width) or (height, width) == (old_height, old_width):
        return ''
    return f'{path}: {width:.0f} x {height:.0f}, labeled at {old_width} x {old_height}'
