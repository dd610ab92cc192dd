"""Writes VOC's annotations as the COCO json files that the VOC configs read.

For example::

    python tools/dataset/voc_to_coco.py data/VOCdevkit

writes voc07_trainval.json, voc12_trainval.json and voc07_test.json into data/VOCdevkit/annotations; all that is missing
is named at once, and an image set with a problem is not written.

The xml is read by mmdet's ``VOCDataset``, so that a json means what mmdet reads from the devkit: 1 is subtracted from
``xmin ymin xmax ymax``, and width is ``xmax - xmin``. Difficult objects get ``iscrowd=1``, the one flag by which both
metrics leave a box out; what they are in training, the config says (``LabeledDataset``).
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from mmdet.datasets import VOCDataset

from downloads import count_warning, missing_files
from mmssod.datasets.annotation_files import read_text
from mmssod.datasets.formats import LabeledImage
from mmssod.datasets.formats.base import as_coco
from mmssod.datasets.preparation import SHOWN, Findings
from mmssod.datasets.split import Coco, write_coco
from mmssod.structures import Problem

SITE = 'http://host.robots.ox.ac.uk/pascal/VOC/'
CLASSES = VOCDataset.METAINFO['classes']


@dataclass(frozen=True)
class ImageSet:
    """A part of VOC."""

    name: str  # stem of the json to write
    year: str  # folder in the devkit
    split: str  # name of the list in ``ImageSets/Main``
    archive: str  # where it is downloaded from, below ``SITE``
    images: int  # how many were published


IMAGE_SETS = (
    ImageSet('voc07_trainval', 'VOC2007', 'trainval', 'voc2007/VOCtrainval_06-Nov-2007.tar', 5011),
    ImageSet('voc12_trainval', 'VOC2012', 'trainval', 'voc2012/VOCtrainval_11-May-2012.tar', 11540),
    ImageSet('voc07_test', 'VOC2007', 'test', 'voc2007/VOCtest_06-Nov-2007.tar', 4952),
)


def convert_voc(devkit: Path) -> Findings:
    """Write ``annotations/NAME.json`` of each image set that has no problem.

    Args:
        devkit: the folder with ``VOC2007`` and ``VOC2012``; ``data/VOCdevkit`` in the configs.
    """
    findings = Findings()
    for image_set in IMAGE_SETS:
        coco, found = voc_to_coco(devkit, image_set)
        findings += found
        if not found.problems:
            write_coco(coco, devkit / 'annotations' / f'{image_set.name}.json')
    return findings


def voc_to_coco(devkit: Path, image_set: ImageSet) -> tuple[Coco, Findings]:
    """One image set as COCO content, and what is wrong with it."""
    folder, name, archive = devkit / image_set.year, image_set.name, SITE + image_set.archive
    list_file = folder / 'ImageSets/Main' / f'{image_set.split}.txt'
    stems = read_text(list_file).split() if list_file.is_file() else []
    if not stems:
        actual = 'an empty file' if list_file.is_file() else f'nothing at {list_file.absolute()}'
        fix = f'unpack {archive} in the folder that holds {devkit.name}'
        return {}, Findings(
            problems=(Problem(f'{name}: no image list', str(list_file), actual, fix),)
        )
    problems: tuple[Problem, ...] = ()
    for kind, suffix in dict(JPEGImages='.jpg', Annotations='.xml').items():
        wanted = [stem + suffix for stem in stems]
        problems += missing_files(f'{kind} of {name}', wanted, folder / kind, archive)
    records, more = _read_xml(folder, name, stems)
    coco, _ = as_coco(folder, records, CLASSES, ())
    boxes = coco['annotations']
    counts = (
        f'{name}: {len(records)} images, {len(boxes)} boxes, '
        f'{sum(box["iscrowd"] for box in boxes)} of them difficult'
    )
    warnings = count_warning(name, len(stems), image_set.images)
    if flat := sum(min(box['bbox'][2:]) < 1 for box in boxes):
        warnings += (f'{name}: {flat} boxes less than a pixel wide or high; mmdet leaves them out',)
    return coco, Findings((counts,), warnings, problems + more)


def _read_xml(
    folder: Path, name: str, stems: list[str]
) -> tuple[list[LabeledImage], tuple[Problem, ...]]:
    """The records of the files that are there; one problem for unreadable ones, one for unknown classes."""
    reader = VOCDataset(data_prefix=dict(sub_data_root=str(folder)), lazy_init=True)
    # mmdet sets it where it reads a whole list, and stops there at the first bad file.
    reader.cat2label = {name: label for label, name in enumerate(CLASSES)}
    records, unreadable, strangers = [], [], Counter[str]()
    for stem in stems:
        xml = folder / 'Annotations' / f'{stem}.xml'
        if not xml.is_file():
            continue
        info = dict(img_id=stem, file_name=f'JPEGImages/{stem}.jpg', xml_path=str(xml))
        try:
            objects = ElementTree.parse(xml).getroot().findall('object')
            strangers.update({str(o.findtext('name')) for o in objects} - set(CLASSES))
            records.append(_record(reader.parse_data_info(info)))
        except (ElementTree.ParseError, OSError, AttributeError, TypeError, ValueError) as error:
            unreadable.append(f'{xml.name} ({error})')
    problems = []
    if unreadable:
        what = f'{name}: {len(unreadable)} annotation files cannot be read'
        expected = 'object/name and object/bndbox/xmin, ymin, xmax, ymax'
        fix = f'unpack the archive again, or fix the files in {folder / "Annotations"}'
        problems.append(Problem(what, expected, ', '.join(unreadable[:SHOWN]), fix))
    if strangers:
        found = ', '.join(f'{cls} ({n} images)' for cls, n in strangers.most_common())
        fix = 'correct the names; for classes of your own, convert to COCO json (docs/own_data.md)'
        problems.append(Problem(f'{name}: unknown classes', ', '.join(CLASSES), found, fix))
    return records, tuple(problems)


def _record(read: dict[str, Any]) -> LabeledImage:
    corners = [(box, *box['bbox']) for box in read['instances']]
    boxes = [
        {
            'class': CLASSES[box['bbox_label']],
            'bbox': [x1, y1, x2 - x1, y2 - y1],
            'iscrowd': box['ignore_flag'],
        }
        for box, x1, y1, x2, y2 in corners
    ]
    return LabeledImage(Path(read['img_path']).name, boxes, (read['width'], read['height']))


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('devkit', type=Path, help='the folder with VOC2007 and VOC2012')
    return parser.parse_args()


def main() -> int:
    """Convert and report."""
    args = parse_args()
    findings = convert_voc(args.devkit)
    print(findings.text())
    return 1 if findings.problems else 0


if __name__ == '__main__':
    sys.exit(main())
