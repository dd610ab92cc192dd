"""YOLO txt: lines of boxes, polygons and poses, and the names of their classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmssod.datasets.annotation_files import plain_name, read_text, read_yaml
from mmssod.environment.errors import InputError

YAML_FILES = ('data.yaml', 'data.yml', 'dataset.yaml', 'dataset.yml')
CLASS_FILES = ('classes.txt', 'labels.txt', 'obj.names')
MAX_NAME = 200
Keypoints = tuple[int, int]
"""``kpt_shape`` of a ``data.yaml``: points of a pose, and numbers of each, 2 or 3."""


def yolo_boxes(
    file: Path, size: tuple[int, int], classes: Sequence[str], keypoints: Keypoints | None = None
) -> list[dict[str, Any]]:
    """The boxes of a file: ``class`` and ``bbox``, x y w h in pixels.

    Args:
        file: Lines of ``class x y w h``, where x y is the middle, with a score or keypoints behind, or of a class and
            the corners of a polygon, whose box is taken; all in shares of the image's sides.
        size: Width and height of the image, pixels.
        classes: Names of the numbers.
        keypoints: Of a pose.

    Raises:
        ValueError: A line that is none of these.
    """
    width, height = size
    boxes = []
    for line in filter(str.strip, read_text(file).splitlines()):
        words = line.split()
        number = int(words[0])
        if not 0 <= number < len(classes):
            raise InputError(f'class {number} of {len(classes)}')
        x, y, w, h = _box([float(word) for word in words[1:]], keypoints)
        bbox = [(x - w / 2) * width, (y - h / 2) * height, w * width, h * height]
        if not all(map(math.isfinite, bbox)):
            raise InputError('a number that is none')
        boxes.append({'class': classes[number], 'bbox': bbox})
    return boxes


def is_yolo(text: str) -> bool:
    """Whether a text consists of lines of labels: a class and four numbers or more."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    try:
        return bool(lines) and all(len(line) >= 5 and [*map(float, line)] for line in lines)
    except ValueError:
        return False


def pose_signs(file: Path) -> tuple[int, int, int]:
    """Lines that can be polygons; those of them that can be a box with keypoints; and those that are hardly a polygon.

    Read as a box, the first two corners hold all others; the second corner, then width and height, lies off that box,
    which is rare where it is the neighbor of the first corner.
    """
    rows = [[float(word) for word in line.split()[1:]] for line in read_text(file).splitlines()]
    rows = [row for row in rows if len(row) > 5]
    boxes = [row for row in rows if all(_on_box(row, *p) for p in _points(row) if p != (0, 0))]
    return len(rows), len(boxes), sum(not _on_box(row, row[2], row[3]) for row in boxes)


def _box(numbers: list[float], keypoints: Keypoints | None) -> Sequence[float]:
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


def _points(row: list[float]) -> list[tuple[float, float]]:
    return list(zip(row[4::2], row[5::2], strict=False))


def _on_box(row: list[float], x: float, y: float) -> bool:
    return abs(x - row[0]) <= row[2] / 2 + 1e-3 and abs(y - row[1]) <= row[3] / 2 + 1e-3


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
            if (place / name).is_file() and not is_yolo(text := read_text(place / name)):
                if names := [plain_name(line) for line in text.splitlines() if line.strip()]:
                    return names
    if given:
        return list(given)
    raise InputError(
        f'YOLO labels in {folder} have numbers for classes: expected their names in data.yaml or classes.txt, in that '
        'folder or one or two above it; or give that yaml in place of the folder, or the names with --classes'
    )


def yolo_keypoints(folder: Path) -> Keypoints | None:
    """``kpt_shape`` of the yaml that :func:`yolo_classes` reads; None where it has none.

    Raises:
        ValueError: It is no pair of a number of points and 2 or 3.
    """
    for place in (folder, *folder.resolve().parents[:2]):
        for file in _yaml_files(folder, place):
            try:
                content = read_yaml(file)
            except ValueError:
                continue  # of yolo_classes
            if not isinstance(content, dict) or 'names' not in content:
                continue
            shape = content.get('kpt_shape')
            if shape is None:
                return None
            if not (
                isinstance(shape, list)
                and len(shape) == 2
                and all(type(n) is int for n in shape)
                and shape[0] > 0
                and shape[1] in (2, 3)
            ):
                raise InputError(
                    f'{file}: kpt_shape: expected [points, 2 or 3], got {str(shape)[:200]}'
                )
            return shape[0], shape[1]
    return None


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
            raise InputError(
                f'{file}: expected names for the numbers 0, 1, ..., got {str(list(names))[:200]}'
            )
        names = [names[number] for number in range(len(names))]
    names = names or []
    if not isinstance(names, list) or not all(map(_is_name, names)):
        raise InputError(
            f'{file}: expected names as texts of at most {MAX_NAME} letters, got {str(names)[:200]}'
        )
    return [plain_name(str(name)) for name in names]


def _is_name(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and len(str(value)) <= MAX_NAME
