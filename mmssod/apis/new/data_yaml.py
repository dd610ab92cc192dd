"""The labeled sets that a ``data.yaml`` names, as Ultralytics and Roboflow write it beside YOLO txt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmssod.apis.new.sets import Source
from mmssod.datasets.annotation_files import read_yaml
from mmssod.datasets.preparation.yolo_txt import yolo_classes, yolo_keypoints
from mmssod.environment.errors import InputError

SUFFIXES = ('.yaml', '.yml')


def yaml_sources(file: Path) -> tuple[Source, Source | None]:
    """The set to train on and, where the yaml names another one, that to evaluate on.

    Args:
        file: A yaml with ``train``, ``names`` and perhaps ``path`` and ``val``: folders of images. Labels lie where
            ``images`` in the path is swapped for ``labels``. Paths count from the yaml or the working folder.

    Raises:
        FileNotFoundError: No such file.
        ValueError: Another kind of yaml: lists of files, several folders, no labels.
    """
    if not file.is_file():
        raise FileNotFoundError(f'labeled: no file {file}')
    content = read_yaml(file)
    content = content if isinstance(content, dict) else {}
    train = _source(file, content, 'train')
    val = _source(file, content, 'val') if content.get('val') else None
    return train, None if val and val.folder().samefile(train.folder()) else val


def _source(file: Path, content: dict[str, Any], part: str) -> Source:
    named = content.get(part)
    places = _places(file, content.get('path'), named) if isinstance(named, str) else ()
    images = next((place for place in places if place.is_dir()), None)
    labels = images and _labels(images)
    if not images or not labels:
        raise InputError(
            f'{file}: {part}: expected a folder of images such as "images/train", with its labels in "labels/train", '
            f'got {named!r}: name the folder of the labels instead of the yaml, and that of the images with --images'
        )
    names, keypoints = tuple(yolo_classes(file)), yolo_keypoints(file)
    return Source(str(labels), str(images), names, keypoints)


def _places(file: Path, root: Any, folder: str) -> Iterator[Path]:
    """Where a folder may be; Roboflow writes ``../train/images`` and means ``train/images``."""
    inside = folder.removeprefix('../')
    for base in (file.parent / str(root or ''), Path(str(root or '')), file.parent):
        yield base / folder
        yield base / inside


def _labels(images: Path) -> Path | None:
    """The folder of the labels: the last ``images`` of the path swapped for ``labels``, else the images' own."""
    parts = list(images.parts)
    if 'images' in parts:
        last = len(parts) - 1 - parts[::-1].index('images')
        swapped = Path(*parts[:last], 'labels', *parts[last + 1 :])
        if swapped.is_dir():
            return swapped
    return images if any(images.glob('*.txt')) else None
