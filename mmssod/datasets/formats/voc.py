"""VOC xml: a folder with a file for each image; classes are all that occur, sorted.

Images lie in ``JPEGImages`` for ``Annotations``, else in the same folder. Boxes count pixels from 1: 1 is subtracted on
reading, as mmdet does, and added on writing. Difficult objects get ``iscrowd``: they are trained and not evaluated. A
size is not needed; one that is not the image's is an error. Scores are not written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree

from mmssod.datasets.annotation_files import is_number, plain_name, require_size
from mmssod.datasets.formats.base import Box, FilePerImage, Size, inside
from mmssod.datasets.preparation import SHOWN
from mmssod.environment.errors import InputError
from mmssod.structures.problem import Problem

SIDES = ('xmin', 'ymin', 'xmax', 'ymax')


class VocXml(FilePerImage):
    """VOC xml, whoever wrote it."""

    name = 'voc'
    about = 'a folder of VOC xml'
    ending = '.xml'
    iscrowd = 'object'
    wanted = "VOC's xml: object/name and object/bndbox/xmin, ymin, xmax, ymax; a size is not needed"

    def __init__(self) -> None:
        self.resized: list[str] = []

    def boxes(self, file: Path, size: Size, names: Sequence[str]) -> list[Box]:
        """The boxes of a file; a size in it that is not the image's is noted, one of 0 is none."""
        require_size(file)
        root = ElementTree.parse(file).getroot()
        boxes = [_box(node) for node in root.iter('object')]
        width, height = (_number(root, f'size/{side}') or 0 for side in ('width', 'height'))
        said = round(width), round(height)
        if width > 0 and height > 0 and said != size:
            self.resized.append(f'{file.name}: {said}, its image: {size}')
        return boxes

    def problems(self, source: Path) -> Iterable[Problem]:
        """Files that tell another size than their image has."""
        if self.resized:
            yield Problem(
                f'{len(self.resized)} label files tell another size than their image has',
                'the width and height of the image as it is loaded, turned upright by its EXIF orientation',
                '; '.join(self.resized[:SHOWN]),
                'take the images that were labeled, or write their size and boxes anew',
            )

    def content(
        self, image: Box, boxes: Sequence[Box], names: Sequence[str], scores: bool
    ) -> bytes:
        """An xml file in UTF-8; bytes of the image's name that are not are replaced."""
        root = ElementTree.Element('annotation')
        name = inside(image['file_name']).encode('utf-8', 'surrogateescape')
        _add(root, filename=name.decode(errors='replace'))
        size = ElementTree.SubElement(root, 'size')
        _add(size, width=int(image['width']), height=int(image['height']), depth=3)
        for box in boxes:
            x, y, w, h = box['bbox']
            node = ElementTree.SubElement(root, 'object')
            _add(node, name=names[box['label']])
            if box.get('iscrowd'):
                _add(node, difficult=1)
            corners = zip(SIDES, (x + 1, y + 1, x + w + 1, y + h + 1), strict=True)
            texts = {side: f'{value:.2f}'.removesuffix('.00') for side, value in corners}
            _add(ElementTree.SubElement(node, 'bndbox'), **texts)
        content: bytes = ElementTree.tostring(root, encoding='utf-8', xml_declaration=True)
        return content


def _box(node: ElementTree.Element) -> Box:
    name = plain_name(node.findtext('name') or '')
    sides = [_number(node, f'bndbox/{side}') for side in SIDES]
    missing = ['<name>'] if not name else []
    missing += [f'<bndbox><{s}>' for s, value in zip(SIDES, sides, strict=True) if value is None]
    if missing:
        has = sorted({child.tag for child in node})
        raise InputError(f'an object without {missing[0]}, with {has}')
    x1, y1, x2, y2 = (max(side - 1, 0.0) for side in sides if side is not None)
    difficult = (node.findtext('difficult') or '').strip() == '1'
    return {'class': name, 'bbox': [x1, y1, x2 - x1, y2 - y1], 'iscrowd': int(difficult)}


def _number(node: ElementTree.Element, tag: str) -> float | None:
    text = (node.findtext(tag) or '').strip()
    if not text:
        return None
    value = float(text)
    if not is_number(value):
        raise InputError(f'{tag}: expected pixels, got {text!r}')
    return value


def _add(node: ElementTree.Element, **texts: object) -> None:
    for tag, text in texts.items():
        ElementTree.SubElement(node, tag).text = str(text)
