"""A COCO data set, such as one of pseudo labels, written as YOLO txt or VOC xml for other trainers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from mmssod.datasets.preparation.formats import FORMATS, globox
from mmssod.datasets.split import Coco, write_coco

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
        raise ValueError(f'format: expected one of {FORMATS}, got {kind!r}')
    if kind == 'coco':
        write_coco(coco, out)
        return out
    names = [category['name'] for category in coco['categories']]
    out.mkdir(parents=True, exist_ok=True)
    annotations = _annotations(coco, shift=int(kind == 'voc'), scores=scores)
    _check_names([annotation.image_id for annotation in annotations])
    for annotation in annotations:
        file = out / annotation.image_id
        file.parent.mkdir(parents=True, exist_ok=True)
        if kind == 'voc':
            annotation.save_xml(file.with_suffix('.xml'))
        else:
            numbers = {name: number for number, name in enumerate(names)}
            annotation.save_yolo_v5(file.with_suffix('.txt'), label_to_id=numbers)
    if kind == 'yolo':
        (out / 'classes.txt').write_text(''.join(f'{name}\n' for name in names), encoding='utf-8')
        names_text = yaml.safe_dump(dict(names=dict(enumerate(names))), sort_keys=False)
        (out / 'data.yaml').write_text(DATA_YAML + names_text, encoding='utf-8')
    return out


def _annotations(coco: Coco, shift: int, scores: bool) -> list[Any]:
    """Globox's annotations, one an image, with or without boxes; ``shift`` is added to all sides."""
    library = globox()
    names = {category['id']: category['name'] for category in coco['categories']}
    boxes = defaultdict(list)
    for box in coco['annotations']:
        boxes[box['image_id']].append(box)
    found = []
    for image in coco['images']:
        if not image.get('width') or not image.get('height'):
            raise ValueError(
                f'{image["file_name"]}: expected width and height in the data set, found none'
            )
        made = [
            library.BoundingBox(
                label=names[box['category_id']],
                xmin=box['bbox'][0] + shift,
                ymin=box['bbox'][1] + shift,
                xmax=box['bbox'][0] + box['bbox'][2] + shift,
                ymax=box['bbox'][1] + box['bbox'][3] + shift,
                confidence=box.get('score') if scores else None,
            )
            for box in boxes[image['id']]
        ]
        # A name within the folder, whatever the data set's is.
        name = _inside(image['file_name'])
        found.append(library.Annotation(name, (int(image['width']), int(image['height'])), made))
    return found


def _check_names(names: Sequence[str]) -> None:
    """Refuse images that differ only in their suffix: their labels would be one file."""
    by_stem = defaultdict(list)
    for name in names:
        by_stem[str(Path(name).with_suffix(''))].append(name)
    shared = [found for found in by_stem.values() if len(found) > 1]
    if shared:
        raise ValueError(
            f'labels: expected a name of its own, without suffix, for each image; {len(shared)} are shared, such as by '
            f'{" and ".join(shared[0])}. Rename images, or write a COCO json'
        )


def _inside(name: str) -> str:
    """A relative path that stays below the folder it is joined to."""
    parts = [part for part in Path(name).parts if part not in ('..', '.', Path(name).anchor)]
    return str(Path(*parts))
