"""COCO and VOC as they are downloaded, with a few drawn images of 64 x 48 px: the real layout and file names."""

import json
from pathlib import Path

import cv2
import numpy as np
from mmdet.datasets import CocoDataset

WIDTH, HEIGHT = 64, 48
COCO_CLASSES = CocoDataset.METAINFO['classes']
COCO_IDS = [i + 1 + (i >= 11) for i in range(80)]  # with a gap, as COCO's

OBJECT = """<object><name>{name}</name><pose>Left</pose><truncated>0</truncated><difficult>{difficult}</difficult>
<bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin><xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox>
<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></part></object>"""
XML = """<annotation><folder>{year}</folder><filename>{stem}.jpg</filename>
<size><width>{width}</width><height>{height}</height><depth>3</depth></size><segmented>0</segmented>
{objects}</annotation>"""


def draw(path: Path, boxes) -> None:
    """Noise with a filled rectangle for each box ``x1 y1 x2 y2``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.RandomState(len(path.name)).randint(0, 80, (HEIGHT, WIDTH, 3), np.uint8)
    for number, (x1, y1, x2, y2) in enumerate(boxes):
        cv2.rectangle(image, (x1, y1), (x2, y2), (60 * number, 200, 255 - 60 * number), -1)
    assert cv2.imwrite(str(path), image)


def boxes_of(number: int) -> list[tuple[int, int, int, int]]:
    """Two boxes of the image with this number."""
    shift = number % 5
    return [(2 + shift, 3, 30 + shift, 40), (36, 4 + shift, 60, 30 + shift)]


def make_coco(root: Path, train: int = 20, val: int = 2, unlabeled: int = 4) -> Path:
    """``root/coco`` with so many images in each part."""
    coco = root / 'coco'
    (coco / 'annotations').mkdir(parents=True)
    categories = [
        dict(id=i, name=name, supercategory='thing')
        for i, name in zip(COCO_IDS, COCO_CLASSES, strict=True)
    ]
    parts = dict(train2017=train, val2017=val, unlabeled2017=unlabeled)
    for part, count in parts.items():
        images, annotations = [], []
        for number in range(count):
            image_id = 9 + 16 * number
            name = f'{image_id:012}.jpg'
            draw(coco / part / name, boxes_of(number))
            url = f'http://images.cocodataset.org/{part}/{name}'
            sizes = dict(height=HEIGHT, width=WIDTH)
            images.append(dict(license=1, file_name=name, coco_url=url, id=image_id, **sizes))
            for place, (x1, y1, x2, y2) in enumerate(boxes_of(number)):
                annotations.append(
                    dict(
                        id=len(annotations) + 1,
                        image_id=image_id,
                        category_id=COCO_IDS[(number + place) % 3],
                        bbox=[x1, y1, x2 - x1, y2 - y1],
                        area=(x2 - x1) * (y2 - y1),
                        iscrowd=0,
                    )
                )
        content = dict(info={}, licenses=[], images=images, categories=categories)
        if part == 'unlabeled2017':
            name = f'image_info_{part}.json'
        else:
            name = f'instances_{part}.json'
            content['annotations'] = annotations
        (coco / 'annotations' / name).write_text(json.dumps(content))
    return coco


def voc_xml(year: str, stem: str, objects) -> str:
    """An annotation file; ``objects`` are (class, box 1-based, difficult)."""
    text = '\n'.join(OBJECT.format(name=n, box=box, difficult=d) for n, box, d in objects)
    return XML.format(year=year, stem=stem, width=WIDTH, height=HEIGHT, objects=text)


def make_voc(root: Path, trainval: int = 4, test: int = 2, later: int = 4) -> Path:
    """``root/VOCdevkit``: so many images in VOC07 trainval, VOC07 test and VOC12 trainval.

    The second object of each second image is difficult, and one xml has broken coordinates, as one of VOC 2012 has.
    """
    devkit = root / 'VOCdevkit'
    parts = [
        ('VOC2007', 'trainval', [f'{2 * i + 5:06}' for i in range(trainval)]),
        ('VOC2007', 'test', [f'{2 * i + 6:06}' for i in range(test)]),
        ('VOC2012', 'trainval', [f'2008_{i + 2:06}' for i in range(later)]),
    ]
    for year, split, stems in parts:
        for folder in ('ImageSets/Main', 'Annotations', 'JPEGImages'):
            (devkit / year / folder).mkdir(parents=True, exist_ok=True)
        lines = ''.join(f'{stem}\n' for stem in stems)
        (devkit / year / 'ImageSets/Main' / f'{split}.txt').write_text(lines)
        for number, stem in enumerate(stems):
            boxes = boxes_of(number)
            draw(devkit / year / 'JPEGImages' / f'{stem}.jpg', boxes)
            (x1, y1, x2, y2), second = [tuple(side + 1 for side in box) for box in boxes]
            first = (x1 + 0.70000076293945 if year == 'VOC2012' else x1, y1, x2, y2)
            objects = [('person', first, 0), ('sheep', second, number % 2)]
            xml = devkit / year / 'Annotations' / f'{stem}.xml'
            xml.write_text(voc_xml(year, stem, objects))
    return devkit
