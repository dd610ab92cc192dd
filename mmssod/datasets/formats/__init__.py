"""Label formats: each module of this folder reads labels as a COCO data set, writes them, or both.

A module that is added here is known to every command; :class:`LabelFormat` says what it has to give. None of them loads
torch when it is imported, since ``--help`` names the formats.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmssod.datasets.formats.base import FilePerImage, LabeledImage, LabelFormat, Source
from mmssod.datasets.preparation import Findings
from mmssod.environment.errors import InputError

__all__ = [
    'FilePerImage',
    'LabelFormat',
    'LabeledImage',
    'Source',
    'find_format',
    'formats',
    'named_sets',
    'read_labels',
    'write_labels',
]


def formats(*, reads: bool = False, writes: bool = False) -> dict[str, type[LabelFormat]]:
    """All formats by name, sorted: those of this folder, and subclasses that were defined elsewhere.

    Args:
        reads: Only those that can be read.
        writes: Only those that can be written.
    """
    for module in pkgutil.iter_modules(__path__, f'{__name__}.'):
        importlib.import_module(module.name)
    able = [k for k in LabelFormat.known.values() if k.reads or not reads]
    return {k.name: k for k in sorted(able, key=lambda k: k.name) if k.writes or not writes}


def find_format(source: Path, kind: str = 'auto') -> LabelFormat:
    """The format of a file or folder of labels: of this name, or, with ``'auto'``, told by the files.

    Raises:
        ValueError: Another name; files of no format.
    """
    known = formats(reads=True)
    if kind not in ('auto', *known):
        raise InputError(f'format: expected one of {tuple(known)} or auto, got {kind!r}')
    if kind != 'auto':
        return known[kind]()
    kinds = [one() for one in known.values()]
    number, best = max(((one.count(source), one) for one in kinds), key=lambda pair: pair[0])
    if not number:
        *some, last = (one.about for one in kinds)
        endings = ' or '.join(one.ending for one in kinds if one.folder)
        raise InputError(
            f'labels: expected {", ".join(some)} or {last}, got {source}'
            + (f' without any {endings}' if source.is_dir() else ', which is none of them')
        )
    return best


def named_sets(source: Source) -> tuple[Source, Source | None]:
    """The sets that a file such as YOLO's ``data.yaml`` names: to train on, to evaluate on; else the source itself.

    Raises:
        FileNotFoundError: No such file.
        ValueError: It names none that can be read.
    """
    found = (kind().sets(Path(source.labels)) for kind in formats(reads=True).values())
    return next((sets for sets in found if sets is not None), (source, None))


def read_labels(
    source: Path,
    images: Path,
    kind: str = 'auto',
    classes: Sequence[str] = (),
    listed: Path | None = None,
) -> tuple[dict[str, Any], Findings]:
    """A labeled set in any format as a COCO data set.

    Args:
        source: File or folder of the labels.
        images: Folder of the images; file names of the result are relative to it.
        kind: A name in :func:`formats`, or ``'auto'``.
        classes: Names in the order of labels, a choice of those of the set; by default all. Boxes of other classes are
            left out and counted. Where YOLO's numbers have no names, these are all their names.
        listed: The file that names the set (:attr:`Source.listed`).

    Returns:
        The data set, and what was wrong with single files. Images without a label file are not part of it.

    Raises:
        ValueError: Another kind; a class that the labels do not have; YOLO labels without class names.
    """
    return find_format(source, kind).read(source, images, classes, listed)


def write_labels(coco: dict[str, Any], out: Path, kind: str, *, scores: bool = False) -> Path:
    """Write a data set.

    Args:
        coco: COCO data set; boxes may have a ``score``.
        out: The file, or the folder of a format with a file for each image; its folders are made.
        kind: A name in :func:`formats`.
        scores: Write each box's score, too, where a format has it only when asked for (YOLO); COCO json has it always,
            VOC xml never.

    Returns:
        What was written: the file or the folder.

    Raises:
        ValueError: Another kind; an image without a size; two images whose labels would share a file.
    """
    known = formats(writes=True)
    if kind not in known:
        raise InputError(f'format: expected one of {tuple(known)}, got {kind!r}')
    known[kind]().write(coco, out, scores)
    return out
