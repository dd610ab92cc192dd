"""Labels in other formats as a COCO data set, and the way back; globox reads and writes the single files.

Boxes of VOC xml count pixels from 1 and those of COCO from 0: 1 is subtracted on reading, as mmdet does, and added on
writing. YOLO's txt has shares of the image's sides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from mmssod.datasets.annotation_files import fill_annotation, read_yaml
from mmssod.datasets.aspect import header_size
from mmssod.datasets.image_lists import FoundImage, find_images
from mmssod.datasets.preparation.findings import SHOWN, Findings
from mmssod.datasets.split import Coco, read_coco
from mmssod.structures import Problem

FORMATS = ('coco', 'voc', 'yolo')
SUFFIXES = {'voc': '.xml', 'yolo': '.txt'}
NOT_LABELS = re.compile(
    r'(classes|labels|train|val|valid|test|not_unlabeled|readme.*|license.*)\.txt'
)
"""Text files beside YOLO labels that are none: lists, and notes such as Roboflow's ``README.dataset.txt``."""
MAX_NAME = 200
YAML_FILES = ('data.yaml', 'data.yml', 'dataset.yaml', 'dataset.yml')
CLASS_FILES = ('classes.txt', 'labels.txt', 'obj.names')


def globox() -> Any:
    """The library, or an error that says how to install it.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import globox as library
    except ImportError as error:
        raise ImportError(
            "VOC xml and YOLO txt need globox, which is not installed: pip install 'mmssod[formats]', or give COCO json"
        ) from error
    return library


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
        raise ValueError(
            f'labels: expected a COCO json, a folder of VOC xml or a folder of YOLO txt, got {source}'
            + (' without any .xml or .txt' if source.is_dir() else ', which is none of them')
        )
    return best


def label_files(folder: Path, suffix: str) -> list[Path]:
    """Label files of a folder and its subfolders, sorted."""
    files = sorted(file for file in folder.rglob('*') if file.suffix.lower() == suffix)
    return [file for file in files if not NOT_LABELS.fullmatch(file.name.lower())]


def read_labels(
    source: Path,
    images: Path,
    kind: str = 'auto',
    classes: Sequence[str] = (),
    names: Sequence[str] = (),
) -> tuple[Coco, Findings]:
    """A labeled set in any of three formats as a COCO data set.

    Args:
        source: COCO json, folder of VOC xml, or folder of YOLO txt.
        images: Folder of the images; file names of the result are relative to it.
        kind: One of :data:`FORMATS`, or ``'auto'``.
        classes: Names in the order of labels, a choice of those of the json, of the xml files, or of ``data.yaml`` or
            ``classes.txt`` near the txt files; by default all (of xml files sorted). Boxes of other classes are left
            out. Where YOLO's numbers have no names, these are all their names.
        names: Of YOLO's numbers, where they are known; else see :func:`yolo_classes`.

    Returns:
        The data set, and what was wrong with single files. Images without a label file are not part of it.

    Raises:
        ValueError: Another kind; a class that the labels do not have; YOLO labels without class names.
    """
    kind = guess_format(source) if kind == 'auto' else kind
    if kind not in FORMATS:
        raise ValueError(f'format: expected one of {FORMATS} or auto, got {kind!r}')
    if kind == 'coco':
        coco = with_classes(read_coco(source), classes)
        boxes = [fill_annotation(box) for box in coco['annotations']]
        return {**coco, 'annotations': boxes}, Findings()
    names = (names or yolo_classes(source, classes)) if kind == 'yolo' else []
    records, findings = _read_files(source, images, kind, names)
    if kind == 'voc':
        names = sorted({str(box['class']) for record in records for box in record['boxes']})
    if missing := [name for name in classes if name not in names]:
        if kind == 'yolo' or not set(classes) & set(names):
            raise ValueError(f'classes: {missing} are not in {source}, which has {names}')
    return as_coco(records, classes or names), findings


def with_classes(coco: Coco, classes: Sequence[str]) -> Coco:
    """A COCO data set of only some classes, in their order; all of them when none is named.

    Raises:
        ValueError: The data set has no such class.
    """
    if not classes:
        return coco
    by_name = {category['name']: category for category in coco['categories']}
    if missing := [name for name in classes if name not in by_name]:
        raise ValueError(f'classes: {missing} are not in the json, which has {sorted(by_name)}')
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
        raise ValueError(
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


def yolo_classes(folder: Path, given: Sequence[str] = ()) -> list[str]:
    """Class names from a yaml or ``classes.txt`` in the folder, or from ``data.yaml`` or ``classes.txt`` above it.

    Args:
        folder: The labels, or the yaml itself.
        given: What they are where no file tells.

    Raises:
        ValueError: There is none and none is given; then also a ``data.yaml`` that cannot be read or whose numbers have
            gaps. Other yaml files that cannot be read are passed over.
    """
    for place in (folder, *folder.resolve().parents[:2]):
        for file in _yaml_files(folder, place):
            try:
                if names := _yaml_names(file):
                    return names
            except ValueError:
                if not given and (file.name in YAML_FILES or file == folder):
                    raise
        for name in CLASS_FILES:
            if (place / name).is_file():
                lines = (place / name).read_text(encoding='utf-8').splitlines()
                return [line.strip() for line in lines if line.strip()]
    if given:
        return list(given)
    raise ValueError(
        f'YOLO labels in {folder} have numbers for classes: expected their names in data.yaml or classes.txt, in that '
        'folder or one or two above it; or give that yaml in place of the folder, or the names with --classes'
    )


def _yaml_files(folder: Path, place: Path) -> list[Path]:
    """Those that may name classes: all in the folder of the labels, the usual ones above it."""
    if place != folder:
        return [file for name in YAML_FILES if (file := place / name).is_file()]
    found = [*place.glob('*.yaml'), *place.glob('*.yml')]
    return [place] if place.is_file() else sorted(found)


def _yaml_names(file: Path) -> list[str]:
    """The ``names`` of a yaml file, a list or a dict by number; empty where it has none."""
    content = read_yaml(file)
    names = content.get('names') if isinstance(content, dict) else None
    if isinstance(names, dict):
        if set(names) != set(range(len(names))):
            raise ValueError(
                f'{file}: expected names for the numbers 0, 1, ..., got {str(list(names))[:200]}'
            )
        names = [names[number] for number in range(len(names))]
    names = names or []
    if not isinstance(names, list) or not all(map(_is_name, names)):
        raise ValueError(
            f'{file}: expected names as texts of at most {MAX_NAME} letters, got {str(names)[:200]}'
        )
    return [str(name) for name in names]


def _is_name(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and len(str(value)) <= MAX_NAME


def _read_files(
    source: Path, images: Path, kind: str, classes: Sequence[str]
) -> tuple[list[dict[str, Any]], Findings]:
    found = find_images(str(images))
    places: dict[str, FoundImage] = {_key(image.name): image for image in found}
    by_stem: dict[str, list[FoundImage]] = {}
    for image in found:
        by_stem.setdefault(Path(image.name).stem, []).append(image)
    reader: Callable[..., list[dict[str, Any]]] = {'voc': _voc_boxes, 'yolo': _yolo_boxes}[kind]
    records, lost, bad = [], [], []
    for file in label_files(source, SUFFIXES[kind]):
        key = _key(file.relative_to(source).as_posix())
        same = by_stem.get(file.stem, [])
        place = places.get(key) or (same[0] if len(same) == 1 else None)
        if place is None:
            lost.append(file.name)
            continue
        width, height = header_size(place.path)
        try:
            size = int(width), int(height)  # NaN of an unreadable image raises
            boxes = reader(file, size, classes)
        except (
            Exception
        ) as error:  # a damaged file may raise nearly anything; all are named together
            bad.append(f'{file.name} ({error or type(error).__name__})')
            continue
        records.append(dict(file_name=place.name, width=size[0], height=size[1], boxes=boxes))
    return records, Findings(problems=tuple(_file_problems(kind, source, images, lost, bad)))


def _file_problems(
    kind: str, source: Path, images: Path, lost: list[str], bad: list[str]
) -> Iterable[Problem]:
    if lost:
        yield Problem(
            f'{len(lost)} label files without an image',
            f'for each {SUFFIXES[kind]} one image of the same name below {images}',
            ', '.join(lost[:SHOWN]),
            'name the folder of the images with --images, or remove the files',
        )
    if bad:
        yolo = 'class x y w h, or class and the corners of a polygon, in each line'
        wanted = yolo if kind == 'yolo' else "VOC's xml"
        yield Problem(
            f'{len(bad)} label files cannot be read',
            wanted,
            ', '.join(bad[:SHOWN]),
            f'mend or remove them in {source}',
        )


def _voc_boxes(file: Path, size: tuple[int, int], classes: Sequence[str]) -> list[dict[str, Any]]:
    read = globox().Annotation.from_xml(file)
    objects = ElementTree.parse(file).getroot().iter('object')
    boxes = []
    for box, node in zip(read.boxes, objects, strict=True):
        x1, y1, x2, y2 = (max(side - 1, 0.0) for side in box.ltrb)
        difficult = int(node.findtext('difficult') or 0)
        boxes.append(
            {
                'class': box.label,
                'bbox': [x1, y1, x2 - x1, y2 - y1],
                'iscrowd': int(bool(difficult)),
            }
        )
    return boxes


def _yolo_boxes(file: Path, size: tuple[int, int], classes: Sequence[str]) -> list[dict[str, Any]]:
    boxes = []
    for line in file.read_text(encoding='utf-8').splitlines():
        if not line.strip():
            continue
        box = globox().BoundingBox.from_yolo_v5(_without_polygon(line), image_size=size)
        number = int(box.label)
        if not 0 <= number < len(classes):
            raise ValueError(f'class {number} of {len(classes)}')
        boxes.append({'class': classes[number], 'bbox': [float(side) for side in box.ltwh]})
    return boxes


def _without_polygon(line: str) -> str:
    """A line ``class x y w h``; of a polygon, ``class x y x y x y ...``, the box around it.

    Raises:
        ValueError: Neither.
    """
    words = line.split()
    if len(words) in (5, 6):  # the sixth is a score
        return line
    if len(words) < 7 or len(words) % 2 == 0:
        raise ValueError(f'a line of {len(words)} numbers')
    xs, ys = ([float(word) for word in words[start::2]] for start in (1, 2))
    middle = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    sides = max(xs) - min(xs), max(ys) - min(ys)
    return ' '.join([words[0], *(f'{value:.9g}' for value in (*middle, *sides))])


def _key(name: str) -> str:
    """A relative path without its suffix; ``labels`` and ``images`` in it mean the same."""
    return re.sub(
        r'(^|/)(labels|images|Annotations|JPEGImages)/', r'\1', str(Path(name).with_suffix(''))
    )
