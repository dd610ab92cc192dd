"""Labels in other formats as a COCO data set.

Boxes of VOC xml count pixels from 1 and those of COCO from 0: 1 is subtracted on reading, as mmdet does, and added on
writing. YOLO's txt has shares of the image's sides. Names of classes are taken without blanks around them and with
composed accents.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmssod.datasets.annotation_files import fill_annotation, plain_name, read_text
from mmssod.datasets.aspect import header_size
from mmssod.datasets.image_lists import FoundImage, find_images
from mmssod.datasets.left_out import is_junk
from mmssod.datasets.preparation.findings import SHOWN, Findings
from mmssod.datasets.preparation.voc_xml import voc_boxes
from mmssod.datasets.preparation.yolo_txt import (
    CLASS_FILES,
    Keypoints,
    is_yolo,
    pose_signs,
    yolo_boxes,
    yolo_classes,
    yolo_keypoints,
)
from mmssod.datasets.split import Coco, read_coco
from mmssod.environment.errors import InputError
from mmssod.structures import Problem

FORMATS = ('coco', 'voc', 'yolo')
SUFFIXES = {'voc': '.xml', 'yolo': '.txt'}
NOT_LABELS = re.compile(
    r'(classes|labels|train|val|valid|test|not_unlabeled|readme.*|license.*)\.txt'
)
"""Text files beside YOLO labels that are lists or notes, unless they have lines of labels or an image of their name."""


def guess_format(source: Path) -> str:
    """Which of :data:`FORMATS` a file or folder has.

    Raises:
        ValueError: None of them.
    """
    if source.suffix.lower() == '.json':
        return 'coco'
    counts = {
        name: len(label_files(source, suffix))
        for name, suffix in SUFFIXES.items()
        if source.is_dir()
    }
    best = max(counts, key=lambda name: counts[name], default='')
    if not best or not counts[best]:
        raise InputError(
            f'labels: expected a COCO json, a folder of VOC xml or a folder of YOLO txt, got {source}'
            + (' without any .xml or .txt' if source.is_dir() else ', which is none of them')
        )
    return best


def label_files(folder: Path, suffix: str, stems: Iterable[str] = ()) -> list[Path]:
    """Label files of a folder and its subfolders, sorted.

    Args:
        folder: It; what systems and editors put there is passed over.
        suffix: Of the files, in small letters.
        stems: Names of images without suffix: a ``license_1.txt`` of a ``license_1.jpg`` holds its labels.
    """
    files = sorted(file for file in folder.rglob('*') if file.suffix.lower() == suffix)
    files = [file for file in files if not is_junk(str(file.relative_to(folder)))]
    known = set(stems)
    return [file for file in files if not _is_note(file, known)]


def _is_note(file: Path, stems: set[str]) -> bool:
    """Whether a text beside YOLO labels is a list or a note."""
    if not NOT_LABELS.fullmatch(file.name.lower()):
        return False
    try:
        text = read_text(file)
    except ValueError:
        return True
    if is_yolo(text):
        return False
    return bool(text.strip() and file.name.lower() in CLASS_FILES) or file.stem not in stems


def read_labels(
    source: Path,
    images: Path,
    kind: str = 'auto',
    classes: Sequence[str] = (),
    names: Sequence[str] = (),
    keypoints: Keypoints | None = None,
) -> tuple[Coco, Findings]:
    """A labeled set in any of three formats as a COCO data set.

    Args:
        source: COCO json, folder of VOC xml, or folder of YOLO txt.
        images: Folder of the images; file names of the result are relative to it.
        kind: One of :data:`FORMATS`, or ``'auto'``.
        classes: Names in the order of labels, a choice of those of the json, of the xml files, or of ``data.yaml`` or
            ``classes.txt`` near the txt files; by default all (of xml files sorted). Boxes of other classes are left
            out and counted. Where YOLO's numbers have no names, these are all their names.
        names: Of YOLO's numbers, where they are known; else see :func:`yolo_classes`.
        keypoints: Of YOLO's poses, with the names.

    Returns:
        The data set, and what was wrong with single files. Images without a label file are not part of it.

    Raises:
        ValueError: Another kind; a class that the labels do not have; YOLO labels without class names.
    """
    kind = guess_format(source) if kind == 'auto' else kind
    if kind not in FORMATS:
        raise InputError(f'format: expected one of {FORMATS} or auto, got {kind!r}')
    classes = [plain_name(name) for name in classes]
    if kind == 'coco':
        whole, notes = without_root(plain_categories(read_coco(source)))
        coco = with_classes(whole, classes)
        boxes = [fill_annotation(box) for box in coco['annotations']]
        used = Counter(box['category_id'] for box in whole['annotations'])
        by_name = {c['name']: used[c['id']] for c in whole['categories']}
        return {**coco, 'annotations': boxes}, notes + _left_out(source, by_name, coco)
    if kind == 'yolo' and not names:
        names, keypoints = yolo_classes(source, classes), yolo_keypoints(source)
    records, findings = _read_files(source, images, kind, names, keypoints)
    counts = Counter(str(box['class']) for record in records for box in record['boxes'])
    if kind == 'voc':
        names = sorted(counts)
    if missing := [name for name in classes if name not in names]:
        if kind == 'yolo' or not set(classes) & set(names):
            raise InputError(f'classes: {missing} are not in {source}, which has {names}')
    coco = as_coco(records, classes or names)
    return coco, findings + _left_out(source, counts, coco)


def plain_categories(coco: Coco) -> Coco:
    """A COCO data set whose classes are named by :func:`~mmssod.datasets.annotation_files.plain_name`."""
    categories = [{**entry, 'name': plain_name(entry['name'])} for entry in coco['categories']]
    return {**coco, 'categories': categories}


def without_root(coco: Coco) -> tuple[Coco, Findings]:
    """A COCO data set without the category that Roboflow puts above all others, where no box has it; and a note."""
    categories = coco['categories']
    used = {box['category_id'] for box in coco['annotations']}
    for root in categories:
        others = [entry for entry in categories if entry is not root]
        if root['id'] not in used and _is_above(root, others):
            note = (
                f'category {root["id"]}, {root["name"]!r}, is left out: no box has it, and it stands above all others '
                '(supercategory)'
            )
            return {**coco, 'categories': others}, Findings((note,))
    return coco, Findings()


def _is_above(root: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a category is the one above all others: 'none' is above it, and one and the same name above them."""
    above = {str(entry.get('supercategory') or 'none') for entry in others}
    own = str(root.get('supercategory') or 'none')
    if len(above) != 1 or own != 'none':
        return False
    return above == {root['name']} or (above != {'none'} and root.get('supercategory') == 'none')


def _left_out(source: Path, counts: Mapping[str, int], coco: Coco) -> Findings:
    """A warning that counts the boxes of classes which were not asked for."""
    kept = {category['name'] for category in coco['categories']}
    dropped = {name: count for name, count in counts.items() if count and name not in kept}
    if not dropped:
        return Findings()
    said = ', '.join(f'{name} ({count})' for name, count in sorted(dropped.items()))
    text = f'{sum(dropped.values())} boxes of other classes in {source} are left out: {said}'
    return Findings(warnings=(text,))


def with_classes(coco: Coco, classes: Sequence[str]) -> Coco:
    """A COCO data set of only some classes, in their order; all of them when none is named.

    Raises:
        ValueError: The data set has no such class.
    """
    if not classes:
        return coco
    by_name = {category['name']: category for category in coco['categories']}
    if missing := [name for name in classes if name not in by_name]:
        raise InputError(f'classes: {missing} are not in the json, which has {sorted(by_name)}')
    kept = [by_name[name] for name in classes]
    ids = {category['id'] for category in kept}
    boxes = [box for box in coco['annotations'] if box['category_id'] in ids]
    return {**coco, 'categories': kept, 'annotations': boxes}


def only_images(coco: Coco, names: Sequence[str]) -> Coco:
    """A COCO data set of only some images.

    Args:
        coco: Of more.
        names: Of files, with or without folder and suffix, as in VOC's ``ImageSets``; empty ones are left out.

    Raises:
        ValueError: There is no such image.
    """
    wanted = {Path(name.strip()).name for name in names if name.strip()}
    told = {Path(image['file_name']).name: image for image in coco['images']}
    told |= {Path(name).stem: image for name, image in list(told.items())}
    if missing := sorted(wanted - set(told)):
        raise InputError(
            f'images: expected labels of all {len(wanted)} of the list, {len(missing)} have none: '
            f'{", ".join(missing[:SHOWN])}; correct the list, or name the folder with all labels'
        )
    chosen = {told[name]['id'] for name in wanted}
    images = [image for image in coco['images'] if image['id'] in chosen]
    boxes = [box for box in coco['annotations'] if box['image_id'] in chosen]
    return {**coco, 'images': images, 'annotations': boxes}


def as_coco(records: Iterable[dict[str, Any]], classes: Sequence[str]) -> Coco:
    """A COCO data set of records; ids count from 1, since pycocotools takes box 0 for none.

    Args:
        records: ``file_name``, ``width``, ``height`` and ``boxes``, each with ``class``, ``bbox`` (x y w h in pixels)
            and, where it is difficult (VOC), ``iscrowd``.
        classes: Their names; boxes of others are left out.
    """
    ids = {name: number for number, name in enumerate(classes, start=1)}
    images: list[dict[str, Any]] = []
    boxes: list[dict[str, Any]] = []
    for number, record in enumerate(records, start=1):
        size = dict(width=record['width'], height=record['height'])
        images.append(dict(id=number, file_name=record['file_name'], **size))
        for box in record['boxes']:
            if box['class'] not in ids:
                continue
            more = {key: value for key, value in box.items() if key != 'class'}
            place = dict(id=len(boxes) + 1, image_id=number, category_id=ids[box['class']])
            boxes.append({**place, 'area': box['bbox'][2] * box['bbox'][3], 'iscrowd': 0, **more})
    categories = [dict(id=number, name=name) for name, number in ids.items()]
    return dict(images=images, annotations=boxes, categories=categories)


@dataclass
class _Bad:
    """Names of label files by what is wrong with them."""

    lost: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    resized: list[str] = field(default_factory=list)
    signs: tuple[int, ...] = (0, 0, 0)  # of poses, see pose_signs


def _read_files(
    source: Path,
    images: Path,
    kind: str,
    classes: Sequence[str],
    keypoints: Keypoints | None,
) -> tuple[list[dict[str, Any]], Findings]:
    found = find_images(str(images))
    places: dict[str, FoundImage] = {_key(image.name): image for image in found}
    by_stem: dict[str, list[FoundImage]] = {}
    for image in found:
        by_stem.setdefault(_composed(Path(image.name).stem), []).append(image)
    records, bad = [], _Bad()
    for file in label_files(source, SUFFIXES[kind], by_stem):
        key = _key(file.relative_to(source).as_posix())
        same = by_stem.get(_composed(file.stem), [])
        place = places.get(key) or (same[0] if len(same) == 1 else None)
        if place is None:
            bad.lost.append(file.name)
            continue
        width, height = header_size(place.path)
        try:
            size = int(width), int(height)  # NaN of an unreadable image raises
            if kind == 'voc':
                boxes, said = voc_boxes(file)
                if said not in (None, size):
                    bad.resized.append(f'{file.name}: {said}, {Path(place.name).name}: {size}')
            else:
                boxes = yolo_boxes(file, size, classes, keypoints)
                signs = pose_signs(file) if keypoints is None else (0, 0, 0)
                bad.signs = tuple(map(sum, zip(bad.signs, signs, strict=True)))
        except (
            Exception
        ) as error:  # a damaged file may raise nearly anything; all are named together
            bad.broken.append(f'{file.name} ({error or type(error).__name__})')
            continue
        records.append(dict(file_name=place.name, width=size[0], height=size[1], boxes=boxes))
    return records, Findings(problems=tuple(_file_problems(kind, source, images, bad)))


def _file_problems(kind: str, source: Path, images: Path, bad: _Bad) -> Iterable[Problem]:
    if bad.lost:
        yield Problem(
            f'{len(bad.lost)} label files without an image',
            f'for each {SUFFIXES[kind]} one image of the same name below {images}',
            ', '.join(bad.lost[:SHOWN]),
            'name the folder of the images with --images, or remove the files',
        )
    if bad.broken:
        yolo = (
            'class x y w h, or class and the corners of a polygon, in each line; of a pose also the keypoints that '
            'kpt_shape in data.yaml counts'
        )
        voc = (
            "VOC's xml: object/name and object/bndbox/xmin, ymin, xmax, ymax; a size is not needed"
        )
        yield Problem(
            f'{len(bad.broken)} label files cannot be read',
            yolo if kind == 'yolo' else voc,
            ', '.join(bad.broken[:SHOWN]),
            f'correct or remove them in {source}',
        )
    if bad.resized:
        yield Problem(
            f'{len(bad.resized)} label files tell another size than their image has',
            'the width and height of the image as it is loaded, turned upright by its EXIF orientation',
            '; '.join(bad.resized[:SHOWN]),
            'take the images that were labeled, or write their size and boxes anew',
        )
    lines, boxes, odd = bad.signs
    if lines and boxes >= 0.95 * lines and odd >= 0.2 * lines:
        yield Problem(
            'labels that look like poses, class x y w h and keypoints, and not like polygons',
            'kpt_shape: [points, 2 or 3] in data.yaml, where they are poses',
            f'{boxes} of {lines} such lines in {source}, and no kpt_shape',
            'write it there; of polygons, write the boxes around them',
        )


def _composed(name: str) -> str:
    """A file name with composed accents; macOS writes them decomposed."""
    return unicodedata.normalize('NFC', name)


def _key(name: str) -> str:
    """A relative path without its suffix; ``labels`` and ``images`` in it mean the same."""
    return re.sub(
        r'(^|/)(labels|images|Annotations|JPEGImages)/',
        r'\1',
        _composed(str(Path(name).with_suffix(''))),
    )
