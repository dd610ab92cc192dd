"""YOLO txt: a folder with a file for each image, or the ``data.yaml`` of Ultralytics that names such folders.

Images lie in ``images`` for ``labels``, else in the same folder; a ``data.yaml`` names them (``train``, and ``val`` to
evaluate on). Class names stand in a yaml or ``classes.txt`` beside the labels, in ``data.yaml`` or ``classes.txt``
above them, or in ``--classes``. Lines are a class and shares of the image's sides: a box ``x y w h``, with x y its
middle, perhaps with a score or, where ``data.yaml`` has ``kpt_shape``, a pose behind it; or a polygon, which counts as
the box around it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from mmssod.datasets.annotation_files import plain_name, read_text, read_yaml
from mmssod.datasets.formats.base import Box, Coco, FilePerImage, Size, Source
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole
from mmssod.structures.problem import Problem

YAML_FILES = ('data.yaml', 'data.yml', 'dataset.yaml', 'dataset.yml')
CLASS_FILES = ('classes.txt', 'labels.txt', 'obj.names')
NOT_LABELS = re.compile(
    r'(classes|labels|train|val|valid|test|not_unlabeled|readme.*|license.*)\.txt'
)
"""Text files beside labels that are lists or notes, unless they have lines of labels or an image of their name."""
MAX_NAME = 200
DATA_YAML = """\
# For Ultralytics, which finds the labels of images/a.jpg in labels/a.txt: call this folder labels, and put the images
# under the same names into images beside it. val: name a set with true labels, figures on pseudo labels mean nothing.
train: ../images
val: ../images
"""


class YoloTxt(FilePerImage):
    """YOLO txt; what is written also has ``classes.txt`` and ``data.yaml``, for a folder ``labels``."""

    name = 'yolo'
    about = 'a folder of YOLO txt'
    ending = '.txt'
    scores = 'a sixth number of each line'
    wanted = (
        'class x y w h, or class and the corners of a polygon, in each line; of a pose also the keypoints that '
        'kpt_shape in data.yaml counts'
    )

    def __init__(self) -> None:
        self.keypoints: tuple[int, int] | None = None
        """``kpt_shape`` of a ``data.yaml``: points of a pose, and numbers of each, 2 or 3."""
        self.signs: tuple[int, ...] = (0, 0, 0)
        """Of poses, see :func:`pose_signs`."""

    def files(self, folder: Path, stems: Iterable[str] = ()) -> list[Path]:
        """Label files; a ``license_1.txt`` is one where it has lines of labels or there is a ``license_1.jpg``."""
        known = set(stems)
        return [file for file in super().files(folder) if not _is_note(file, known)]

    def sets(self, file: Path) -> tuple[Source, Source | None] | None:
        """What a yaml with ``train``, ``names`` and perhaps ``path`` and ``val`` names: folders of images."""
        if file.suffix.lower() not in ('.yaml', '.yml'):
            return None
        if not file.is_file():
            raise FileNotFoundError(f'labeled: no file {file}')
        content = read_yaml(file)
        content = content if isinstance(content, dict) else {}
        train = _source(file, content, 'train')
        val = _source(file, content, 'val') if content.get('val') else None
        return train, None if val and Path(val.images).samefile(train.images) else val

    def classes(self, source: Path, asked: Sequence[str], listed: Path | None) -> list[str]:
        """The names of the numbers."""
        place = listed or source
        names = yolo_classes(place, asked)
        self.keypoints = _keypoints(place)
        return names

    def boxes(self, file: Path, size: Size, names: Sequence[str]) -> list[Box]:
        """The boxes of a file."""
        width, height = size
        boxes, polygons = [], []
        for line in filter(str.strip, read_text(file).splitlines()):
            number, *row = line.split()
            label, numbers = int(number), [float(word) for word in row]
            if not 0 <= label < len(names):
                raise InputError(f'class {label} of {len(names)}')
            x, y, w, h = _box(numbers, self.keypoints)
            bbox = [(x - w / 2) * width, (y - h / 2) * height, w * width, h * height]
            if not all(map(math.isfinite, bbox)):
                raise InputError('an invalid number')
            boxes.append({'class': names[label], 'bbox': bbox})
            if len(numbers) > 5 and not self.keypoints:
                polygons.append(numbers)
        signs = pose_signs(polygons)
        self.signs = tuple(map(sum, zip(self.signs, signs, strict=True)))
        return boxes

    def problems(self, source: Path) -> Iterable[Problem]:
        """Polygons that look like poses."""
        lines, boxes, odd = self.signs
        if lines and boxes >= 0.95 * lines and odd >= 0.2 * lines:
            yield Problem(
                'labels that look like poses, class x y w h and keypoints, and not like polygons',
                'kpt_shape: [points, 2 or 3] in data.yaml, where they are poses',
                f'{boxes} of {lines} such lines in {source}, and no kpt_shape',
                'write it there; of polygons, write the boxes around them',
            )

    def content(self, image: Box, boxes: Sequence[Box], names: Sequence[str], scores: bool) -> str:
        """``class x y w h``, and perhaps a score, a line per box."""
        width, height = image['width'], image['height']
        lines = ''
        for box in boxes:
            x, y, w, h = box['bbox']
            shares = ((x + w / 2) / width, (y + h / 2) / height, w / width, h / height)
            lines += ' '.join([str(box['label']), *(f'{share:.8g}' for share in shares)])
            lines += f' {box["score"]:.6g}\n' if scores and 'score' in box else '\n'
        return lines

    def write(self, coco: Coco, out: Path, scores: bool) -> None:
        """Write labels and names; of an image ``classes.jpg`` its labels alone have that file's name."""
        super().write(coco, out, scores)
        names = [category['name'] for category in coco['categories']]
        if (listed := out / 'classes.txt') not in self.places(coco, out):
            write_whole(listed, ''.join(f'{name}\n' for name in names))
        text = yaml.safe_dump(dict(names=dict(enumerate(names))), sort_keys=False)
        write_whole(out / 'data.yaml', DATA_YAML + text)


def is_yolo(text: str) -> bool:
    """Whether a text consists of lines of labels: a class and four numbers or more."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    try:
        return bool(lines) and all(len(line) >= 5 and [*map(float, line)] for line in lines)
    except ValueError:
        return False


def _is_note(file: Path, stems: set[str]) -> bool:
    if not NOT_LABELS.fullmatch(file.name.lower()):
        return False
    try:
        text = read_text(file)
    except ValueError:
        return True
    if is_yolo(text):
        return False
    return bool(text.strip() and file.name.lower() in CLASS_FILES) or file.stem not in stems


def pose_signs(rows: Sequence[Sequence[float]]) -> tuple[int, int, int]:
    """Lines that can be polygons; those of them that can be a box with keypoints; and those that are hardly a polygon.

    Read as a box, the first two corners hold all others; the second corner, then width and height, lies off that box,
    which is rare where it is the neighbor of the first corner.
    """
    points = [[*zip(row[4::2], row[5::2], strict=False)] for row in rows]
    pairs = zip(rows, points, strict=True)
    boxes = [row for row, found in pairs if all(_on_box(row, *p) for p in found if p != (0, 0))]
    return len(rows), len(boxes), sum(not _on_box(row, row[2], row[3]) for row in boxes)


def _on_box(row: Sequence[float], x: float, y: float) -> bool:
    return abs(x - row[0]) <= row[2] / 2 + 1e-3 and abs(y - row[1]) <= row[3] / 2 + 1e-3


def _box(numbers: list[float], keypoints: tuple[int, int] | None) -> Sequence[float]:
    """Middle, width and height of a line without its class."""
    many = keypoints and keypoints[0] * keypoints[1]
    if len(numbers) in (4, 5) or (many and len(numbers) in (4 + many, 5 + many)):
        return numbers[:4]  # a fifth is a score
    if keypoints or len(numbers) < 6 or len(numbers) % 2:
        wanted = f' where kpt_shape {list(keypoints)} has {5 + (many or 0)}' if keypoints else ''
        raise InputError(f'a line of {len(numbers) + 1} numbers{wanted}')
    xs, ys = numbers[::2], numbers[1::2]
    middle = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    return *middle, max(xs) - min(xs), max(ys) - min(ys)


def yolo_classes(folder: Path, given: Sequence[str] = ()) -> list[str]:
    """Class names from a yaml or ``classes.txt`` in the folder, or from ``data.yaml`` or ``classes.txt`` above it.

    Args:
        folder: The labels, or the yaml itself.
        given: What they are where no file tells.

    Raises:
        ValueError: There is none and none is given; then also a ``data.yaml`` that cannot be read or whose numbers have
            gaps. Other yaml files that cannot be read are passed over.
    """
    for place, files in _places(folder):
        for file in files:
            try:
                if names := _yaml_names(file):
                    return names
            except ValueError:
                if file == folder or (not given and file.name in YAML_FILES):
                    raise
        for name in CLASS_FILES:
            if (place / name).is_file() and not is_yolo(text := read_text(place / name)):
                if names := [plain_name(line) for line in text.splitlines() if line.strip()]:
                    return names
    if given:
        return [plain_name(name) for name in given]
    raise InputError(
        f'YOLO labels in {folder} have numbers for classes: expected their names in data.yaml or classes.txt, in that '
        'folder or one or two above it; or give that yaml in place of the folder, or the names with --classes'
    )


def _keypoints(folder: Path) -> tuple[int, int] | None:
    """``kpt_shape`` of the yaml that :func:`yolo_classes` reads; None where it has none."""
    for file in (file for _, files in _places(folder) for file in files):
        try:
            content = read_yaml(file)
        except ValueError:
            continue  # of yolo_classes
        if not isinstance(content, dict) or 'names' not in content:
            continue
        match content.get('kpt_shape'):
            case None:
                return None
            case [int(points), int(many)] if type(points) is int and points > 0 and many in (2, 3):
                return points, many
            case shape:
                said = f'expected [points, 2 or 3], got {str(shape)[:200]}'
                raise InputError(f'{file}: kpt_shape: {said}')
    return None


def _places(folder: Path) -> Iterator[tuple[Path, list[Path]]]:
    """The folder, or a yaml in its place, and two above it, with the yaml files that may name classes there.

    That is all in the folder of the labels, and the usual ones above it.
    """
    found = [*folder.glob('*.yaml'), *folder.glob('*.yml')]
    yield folder, [folder] if folder.is_file() else sorted(found)
    for place in folder.resolve().parents[:2]:
        yield place, [file for name in YAML_FILES if (file := place / name).is_file()]


def _yaml_names(file: Path) -> list[str]:
    """The ``names`` of a yaml file, a list or a dict by number; empty where it has none."""
    content = read_yaml(file)
    names = content.get('names') if isinstance(content, dict) else None
    if isinstance(names, dict):
        if set(names) != set(range(len(names))):
            said = str(list(names))[:200]
            raise InputError(f'{file}: expected names for the numbers 0, 1, ..., got {said}')
        names = [names[number] for number in range(len(names))]
    names = names or []
    if not isinstance(names, list) or not all(map(_is_name, names)):
        raise InputError(
            f'{file}: expected names as texts of at most {MAX_NAME} letters, got {str(names)[:200]}'
        )
    return [plain_name(str(name)) for name in names]


def _is_name(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and len(str(value)) <= MAX_NAME


def _source(file: Path, content: dict[str, Any], part: str) -> Source:
    """The set whose images a yaml names: labels lie where the last ``images`` of the path is swapped for ``labels``.

    Paths count from the yaml or the working folder; Roboflow writes ``../train/images`` and means ``train/images``.
    """
    named, root = content.get(part), str(content.get('path') or '')
    if isinstance(named, str):
        bases = (file.parent / root, Path(root), file.parent)
        places = [base / name for base in bases for name in (named, named.removeprefix('../'))]
        images = next((place for place in places if place.is_dir()), None)
        if images and (labels := _labels(images)):
            return Source(str(labels), str(images), file)
    raise InputError(
        f'{file}: {part}: expected a folder of images such as "images/train", with its labels in "labels/train", '
        f'got {named!r}: name the folder of the labels instead of the yaml, and that of the images with --images'
    )


def _labels(images: Path) -> Path | None:
    parts = list(images.parts)
    if 'images' in parts:
        last = len(parts) - 1 - parts[::-1].index('images')
        swapped = Path(*parts[:last], 'labels', *parts[last + 1 :])
        if swapped.is_dir():
            return swapped
    return images if any(images.glob('*.txt')) else None
