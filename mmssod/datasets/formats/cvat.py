"""CVAT xml: one file, which CVAT exports and imports as "CVAT for images 1.1"; polygons count as the box around them.

Images lie in ``images``, ``JPEGImages``, a folder of the xml's name or its own, whichever has them. Class names are the
labels of the task, in their order; all images of the file are labeled, those without a box as well. Boxes that are
turned are an error. Scores are not written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from mmssod.datasets.annotation_files import plain_name, require_size
from mmssod.datasets.formats.base import Box, Coco, LabeledImage, LabelFormat, inside
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole

SIDES = ('xtl', 'ytl', 'xbr', 'ybr')


class CvatXml(LabelFormat):
    """CVAT xml, as CVAT's own exports have it."""

    name = 'cvat'
    about = 'a CVAT xml'
    ending = '.xml'

    def parse(self, file: Path) -> Iterator[LabeledImage]:
        """The images of a file."""
        for node in _root(file).iter('image'):
            size = tuple(int(node.attrib[side]) for side in ('width', 'height'))
            boxes = [_box(shape) for shape in node if shape.tag in ('box', 'polygon')]
            yield LabeledImage(node.attrib['name'], boxes, (size[0], size[1]))

    def classes(self, source: Path, asked: Sequence[str], listed: Path | None) -> list[str]:
        """The labels of the task."""
        try:
            names = [node.text or '' for node in _root(source).iterfind('meta//label/name')]
        except (ElementTree.ParseError, ValueError):  # reading tells of it
            return []
        return [plain_name(name) for name in names]

    def write(self, coco: Coco, out: Path, scores: bool) -> None:
        """Write a file to upload as annotations of a task with these images."""
        names = {category['id']: category['name'] for category in coco['categories']}
        boxes = defaultdict(list)
        for box in coco['annotations']:
            boxes[box['image_id']].append(box)
        root = ElementTree.Element('annotations')
        ElementTree.SubElement(root, 'version').text = '1.1'
        task = ElementTree.SubElement(ElementTree.SubElement(root, 'meta'), 'task')
        labels = ElementTree.SubElement(task, 'labels')
        for name in names.values():
            ElementTree.SubElement(ElementTree.SubElement(labels, 'label'), 'name').text = name
        for number, image in enumerate(coco['images']):
            sides = {side: str(int(image[side])) for side in ('width', 'height')}
            told = dict(id=str(number), name=inside(image['file_name']), **sides)
            node = ElementTree.SubElement(root, 'image', told)
            for box in boxes[image['id']]:
                x, y, w, h = box['bbox']
                corners = zip(SIDES, (x, y, x + w, y + h), strict=True)
                places = {side: f'{value:.2f}' for side, value in corners}
                told = dict(
                    label=names[box['category_id']], source='auto', occluded='0', z_order='0'
                )
                ElementTree.SubElement(node, 'box', told | places)
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, ElementTree.tostring(root, encoding='utf-8', xml_declaration=True))


def _root(file: Path) -> ElementTree.Element:
    require_size(file)
    root = ElementTree.parse(file).getroot()
    if root.tag != 'annotations':
        raise InputError(f'expected <annotations> around all, got <{root.tag}>')
    return root


def _box(node: ElementTree.Element) -> Box:
    if float(node.get('rotation', 0)) % 360:
        raise InputError(f'expected boxes that are not turned, got rotation {node.get("rotation")}')
    if node.tag == 'box':
        x1, y1, x2, y2 = (float(node.attrib[side]) for side in SIDES)
    else:
        points = [point.split(',') for point in node.attrib['points'].split(';')]
        xs, ys = ([float(point[axis]) for point in points] for axis in (0, 1))
        x1, y1, x2, y2 = min(xs), min(ys), max(xs), max(ys)
    return {'class': plain_name(node.attrib['label']), 'bbox': [x1, y1, x2 - x1, y2 - y1]}
