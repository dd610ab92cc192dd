"""Writes a bank as COCO json for other tools."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from mmssod.datasets.annotation_files import whole_categories
from mmssod.environment.whole_files import replacing
from mmssod.label_bank.layout import COCO, Header, mapped, views_of

_Record = tuple[int | str, str, np.void, np.ndarray]
"""An image's id and name, its IMAGE record, and the BOX records of its shard."""


def write_coco(
    folder: Path,
    header: Header,
    names: Iterable[tuple[int | str, str]],
    categories: Sequence[dict],
    category_ids: Sequence[int],
) -> Path:
    """Write ``labels.json``, image by image, in the memory of one shard.

    ``annotations`` are the boxes of the plain views, ``mirrored_annotations`` those of the mirrored ones, turned back:
    a tool that knows nothing of them sees each object once. All boxes are in pixels of the original image, rounded to
    hundredths; each has ``score`` (p * v), ``cls_certainty`` (p), ``loc_certainty`` (v) and ``mirrored``.

    Args:
        folder: Folder of the bank, whose shards are all written.
        header: Header of the bank.
        names: Id and file name of each image, in the order of the data set; iterated several times.
        categories: Categories of the labeled set.
        category_ids: The category of each class.
    """
    file = folder / COCO
    info = dict(
        description='pseudo labels', teacher=header.checkpoint, teacher_digest=header.teacher,
        config=header.config, floor=header.floor, classes=header.classes, view=header.view,
    )  # fmt: skip
    named = json.dumps(whole_categories(categories))

    def records() -> Iterator[_Record]:
        found = iter(names)
        for shard in range(header.num_shards):
            images, boxes = mapped(folder, shard)
            for image in images:
                yield *next(found), image, boxes

    with replacing(file) as binary:
        stream = codecs.getwriter('utf-8')(binary)
        stream.write(f'{{"info": {json.dumps(info)},\n"categories": {named},\n')
        write_list(stream, 'images', _image_texts(records()))
        stream.write(',\n')
        write_list(stream, 'annotations', _box_texts(records(), category_ids, mirrored=False))
        stream.write(',\n')
        mirrored = _box_texts(records(), category_ids, mirrored=True)
        write_list(stream, 'mirrored_annotations', mirrored)
        stream.write('}\n')
    return file


def write_list(stream: codecs.StreamWriter, key: str, entries: Iterator[str]) -> None:
    """A key and its list, one entry a line."""
    stream.write(f'"{key}": [')
    for number, entry in enumerate(entries):
        stream.write(f',\n{entry}' if number else f'\n{entry}')
    stream.write(']')


def _image_texts(records: Iterator[_Record]) -> Iterator[str]:
    for img_id, name, image, _ in records:
        height, width = image['size'].tolist()
        yield json.dumps(dict(id=img_id, file_name=name, height=height, width=width))


def _box_texts(
    records: Iterator[_Record], category_ids: Sequence[int], mirrored: bool
) -> Iterator[str]:
    """Annotations of one of the two views, numbered from 1 on; pycocotools takes box 0 for none."""
    number = 0
    flag = json.dumps(mirrored)
    for img_id, _, image, boxes in records:
        found = views_of(image, boxes)[mirrored]
        if not len(found):  # as of an unreadable image, which has no size either
            continue
        image_id = json.dumps(img_id)
        corners = _original_boxes(image, found['box'], mirrored).round(2).tolist()
        rest = (found[name].tolist() for name in ('label', 'p', 'v'))
        for row, label, p, v in zip(corners, *rest, strict=True):
            number += 1
            yield (
                f'{{"id": {number}, "image_id": {image_id}, "category_id": {category_ids[label]}, '
                f'"bbox": {row}, "area": {row[2] * row[3]:.2f}, "iscrowd": 0, "score": {p * v:.5f}, '
                f'"cls_certainty": {p:.5f}, "loc_certainty": {v:.5f}, "mirrored": {flag}}}'
            )


def _original_boxes(image: np.void, boxes: np.ndarray, mirrored: bool) -> np.ndarray:
    """Boxes ``x y w h`` in pixels of the original image of those in a view, shape (n, 4), float64."""
    corners = boxes.astype(np.float64)
    if mirrored:
        corners[:, [0, 2]] = image['view'][1] - corners[:, [2, 0]]
    height, width = image['size'] / image['view']
    corners *= [width, height, width, height]
    corners[:, 2:] -= corners[:, :2]
    return corners
