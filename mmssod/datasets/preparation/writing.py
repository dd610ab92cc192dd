"""A COCO data set, such as one of pseudo labels, written as YOLO txt or VOC xml for other trainers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml

from mmssod.datasets.preparation.formats import FORMATS
from mmssod.datasets.split import Coco, write_coco
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole

DATA_YAML = """\
# For Ultralytics, which finds the labels of images/a.jpg in labels/a.txt: call this folder labels, and put the images
# under the same names into images beside it. val: name a set with true labels, figures on pseudo labels mean nothing.
train: ../images
val: ../images
"""


def write_labels(coco: Coco, out: Path, kind: str, *, scores: bool = False) -> Path:
    """Write a data set.

    Args:
        coco: COCO data set; boxes may have a ``score``.
        out: For ``coco`` the json, else a folder; both are made.
        kind: ``'coco'``, ``'voc'`` or ``'yolo'``. YOLO's folder also gets ``classes.txt`` and Ultralytics'
            ``data.yaml``, for a folder ``labels`` that has its images in ``images`` beside it.
        scores: Write each box's score as a sixth number of YOLO's lines; COCO json has it always, VOC xml never.

    Returns:
        What was written: the json or the folder.

    Raises:
        ValueError: Another kind; an image without a size; two images whose labels would share a file.
    """
    if kind not in FORMATS:
        raise InputError(f'format: expected one of {FORMATS}, got {kind!r}')
    if kind == 'coco':
        write_coco(coco, out)
        return out
    names = [category['name'] for category in coco['categories']]
    numbers = {category['id']: number for number, category in enumerate(coco['categories'])}
    out.mkdir(parents=True, exist_ok=True)
    boxes = defaultdict(list)
    for box in coco['annotations']:
        boxes[box['image_id']].append(box)
    files = [out / _inside(image['file_name']) for image in coco['images']]
    _check(coco['images'], files)
    for image, file in zip(coco['images'], files, strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        if kind == 'voc':
            content = _voc(image, boxes[image['id']], names, numbers)
            write_whole(file.with_suffix('.xml'), content, sync=False)
        else:
            lines = [_yolo_line(image, box, numbers, scores) for box in boxes[image['id']]]
            write_whole(file.with_suffix('.txt'), ''.join(lines), sync=False)
    if kind == 'yolo':
        # Of an image classes.jpg that file holds the labels; data.yaml has the names, too.
        listed = out / 'classes.txt'
        if listed not in [file.with_suffix('.txt') for file in files]:
            write_whole(listed, ''.join(f'{name}\n' for name in names))
        names_text = yaml.safe_dump(dict(names=dict(enumerate(names))), sort_keys=False)
        write_whole(out / 'data.yaml', DATA_YAML + names_text)
    return out


def _check(images: Sequence[dict[str, Any]], files: Sequence[Path]) -> None:
    """Refuse images without a size, and those that differ only in their suffix: their labels would be one file."""
    for image in images:
        if not image.get('width') or not image.get('height'):
            raise InputError(
                f'{image["file_name"]}: expected width and height in the data set, found none'
            )
    by_stem = defaultdict(list)
    for image, file in zip(images, files, strict=True):
        by_stem[file.with_suffix('')].append(image['file_name'])
    shared = [found for found in by_stem.values() if len(found) > 1]
    if shared:
        raise InputError(
            f'labels: expected a name of its own, without suffix, for each image; {len(shared)} are shared, such as by '
            f'{" and ".join(shared[0])}. Rename images, or write a COCO json'
        )


def _yolo_line(
    image: dict[str, Any], box: dict[str, Any], numbers: Mapping[int, int], scores: bool
) -> str:
    """``class x y w h``, and perhaps a score; x y is the middle, all in shares of the image's sides."""
    x, y, w, h = box['bbox']
    width, height = image['width'], image['height']
    shares = ((x + w / 2) / width, (y + h / 2) / height, w / width, h / height)
    words = [str(numbers[box['category_id']]), *(f'{share:.8g}' for share in shares)]
    if scores and 'score' in box:
        words.append(f'{box["score"]:.6g}')
    return ' '.join(words) + '\n'


def _voc(
    image: dict[str, Any],
    boxes: Sequence[dict[str, Any]],
    names: Sequence[str],
    numbers: Mapping[int, int],
) -> bytes:
    """An xml file whose pixels count from 1, in UTF-8; bytes of the image's name that are not are replaced."""
    root = ElementTree.Element('annotation')
    name = _inside(image['file_name']).encode('utf-8', 'surrogateescape').decode(errors='replace')
    _add(root, filename=name)
    size = ElementTree.SubElement(root, 'size')
    _add(size, width=int(image['width']), height=int(image['height']), depth=3)
    for box in boxes:
        x, y, w, h = box['bbox']
        node = ElementTree.SubElement(root, 'object')
        _add(node, name=names[numbers[box['category_id']]])
        if box.get('iscrowd'):
            _add(node, difficult=1)
        sides = dict(xmin=x + 1, ymin=y + 1, xmax=x + w + 1, ymax=y + h + 1)
        corners = {side: f'{value:.2f}'.removesuffix('.00') for side, value in sides.items()}
        _add(ElementTree.SubElement(node, 'bndbox'), **corners)
    content: bytes = ElementTree.tostring(root, encoding='utf-8', xml_declaration=True)
    return content


def _add(node: ElementTree.Element, **texts: object) -> None:
    for tag, text in texts.items():
        ElementTree.SubElement(node, tag).text = str(text)


def _inside(name: str) -> str:
    """A relative path that stays below the folder it is joined to."""
    parts = [part for part in Path(name).parts if part not in ('..', '.', Path(name).anchor)]
    return str(Path(*parts))
