"""A bank as COCO json, which every other tool reads."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from mmssod.datasets.annotation_files import whole_categories
from mmssod.environment.whole_files import replacing
from mmssod.label_bank.bank import mapped
from mmssod.label_bank.layout import BOX, COCO, IMAGE, Header, shard_files


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
        folder: Of the bank, whose shards are all written.
        header: Of the bank.
        names: Id and file name of each image, in the order of the data set; iterated several times.
        categories: Those of the labeled set.
        category_ids: The category of each class.
    """
    file = folder / COCO
    info = dict(
        description='pseudo labels', teacher=header.checkpoint, teacher_digest=header.teacher,
        config=header.config, floor=header.floor, classes=header.classes, view=header.view,
    )  # fmt: skip
    named = json.dumps(whole_categories(categories))
    with replacing(file) as binary:
        stream = codecs.getwriter('utf-8')(binary)
        stream.write(f'{{"info": {json.dumps(info)},\n"categories": {named},\n')
        write_list(stream, 'images', image_texts(folder, header, names))
        stream.write(',\n')
        plain = box_texts(folder, header, names, category_ids, mirrored=False)
        write_list(stream, 'annotations', plain)
        stream.write(',\n')
        mirrored = box_texts(folder, header, names, category_ids, mirrored=True)
        write_list(stream, 'mirrored_annotations', mirrored)
        stream.write('}\n')
    return file


def write_list(stream: codecs.StreamWriter, key: str, entries: Iterator[str]) -> None:
    """A key and its list, one entry a line."""
    stream.write(f'"{key}": [')
    separator = '\n'
    for entry in entries:
        stream.write(separator)
        stream.write(entry)
        separator = ',\n'
    stream.write(']')


def image_texts(
    folder: Path, header: Header, names: Iterable[tuple[int | str, str]]
) -> Iterator[str]:
    """The ``images`` of the json."""
    for (img_id, name), image, _ in records(folder, header, names):
        height, width = image['size'].tolist()
        yield json.dumps(dict(id=img_id, file_name=name, height=height, width=width))


def box_texts(
    folder: Path,
    header: Header,
    names: Iterable[tuple[int | str, str]],
    category_ids: Sequence[int],
    mirrored: bool,
) -> Iterator[str]:
    """Annotations of one of the two views, numbered from 1 on; pycocotools takes box 0 for none."""
    number = 0
    flag = json.dumps(mirrored)
    for (img_id, _), image, boxes in records(folder, header, names):
        start, (plain, flipped) = int(image['start']), image['boxes'].tolist()
        first, count = (start + plain, flipped) if mirrored else (start, plain)
        if not count:  # as of an unreadable image, which has no size either
            continue
        found = boxes[first : first + count]
        image_id = json.dumps(img_id)
        for row, label, p, v in zip(
            original_boxes(image, found, mirrored).round(2).tolist(),
            found['label'].tolist(),
            found['p'].tolist(),
            found['v'].tolist(),
            strict=True,
        ):
            number += 1
            yield (
                f'{{"id": {number}, "image_id": {image_id}, "category_id": {category_ids[label]}, '
                f'"bbox": {row}, "area": {row[2] * row[3]:.2f}, "iscrowd": 0, "score": {p * v:.5f}, '
                f'"cls_certainty": {p:.5f}, "loc_certainty": {v:.5f}, "mirrored": {flag}}}'
            )


def records(
    folder: Path, header: Header, names: Iterable[tuple[int | str, str]]
) -> Iterator[tuple[tuple[int | str, str], np.void, np.ndarray]]:
    """Each image's id and name, its IMAGE record, and the BOX records of its shard."""
    found = iter(names)
    for shard in range(header.num_shards):
        files = shard_files(folder, shard)
        images, boxes = mapped(files[0], IMAGE), mapped(files[1], BOX)
        for image in images:
            yield next(found), image, boxes


def original_boxes(image: np.void, found: np.ndarray, mirrored: bool) -> np.ndarray:
    """Boxes ``x y w h`` in pixels of the original image, shape (n, 4), float64."""
    corners = found['box'].astype(np.float64)
    if mirrored:
        corners[:, [0, 2]] = image['view'][1] - corners[:, [2, 0]]
    height, width = image['size'] / image['view']
    corners *= [width, height, width, height]
    corners[:, 2:] -= corners[:, :2]
    return corners
