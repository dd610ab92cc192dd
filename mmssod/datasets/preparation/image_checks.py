"""Checks that the images of an annotation file exist, are intact, and have the annotated size."""

from __future__ import annotations

import os
import os.path as osp
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from mmssod.datasets.annotation_files import BACKSLASHES, examples, leads_out
from mmssod.datasets.aspect import of_files
from mmssod.datasets.image_files import file_fault, loses_grays
from mmssod.datasets.preparation.own_data import gray_problems
from mmssod.structures import Problem

READ_IMAGES = 2000
"""Images of a file that are read before training; the existence of all of them is looked up."""


def image_problems(
    name: str, images: Sequence[dict[str, Any]], root: str, limit: int
) -> Iterator[Problem]:
    """Images that are missing, cannot be read, or have another size than their record.

    Args:
        name: of the data set, for the messages.
        images: records of a COCO json; those without a name are passed over here.
        root: folder that their names are relative to.
        limit: how many are read, the first ones.
    """
    named = [image for image in images if isinstance(image.get('file_name'), str)]
    records = [image for image in named if not leads_out(image['file_name'], root)]
    missing = _missing([image['file_name'] for image in records], root)
    if missing:
        slashes = f'; {BACKSLASHES}' if any('\\' in file for file in missing) else ''
        yield Problem(
            f'{name}: {len(missing)} of {len(records)} image files are not there',
            f'files in {root or "the working folder"}',
            examples(sorted(missing)),
            f'correct data_root and data_prefix, or copy the images{slashes}',
        )
    there = [image for image in records if image['file_name'] not in missing][:limit]
    paths = [osp.join(root, image['file_name']) for image in there]
    seen = list(of_files(file_fault, paths))
    dark = [path for path, lost in zip(paths, of_files(loses_grays, paths), strict=True) if lost]
    faults, differing = [], []
    for image, (fault, size) in zip(there, seen, strict=True):
        said = (image.get('width'), image.get('height'))
        if fault:
            faults.append(f'{image["file_name"]}: {fault}')
        elif size not in (None, said):
            sizes = f'{said[0]} x {said[1]} in the json, {size[0]} x {size[1]} in the file'
            differing.append(f'{image["file_name"]}: {sizes}')
    if faults:
        yield Problem(
            f'{name}: {len(faults)} of {len(there)} images that were read cannot be used',
            'whole image files of a reasonable size',
            examples(faults),
            'copy them again, or take them and their boxes out of the annotation file',
        )
    yield from gray_problems(name, dark, len(paths))
    if differing:
        yield Problem(
            f'{name}: {len(differing)} of {len(there)} images have another size than the annotation file says',
            'width and height as the image is loaded, turned upright by its EXIF orientation',
            examples(differing),
            'correct width and height, and the boxes if they were drawn on the other size',
        )


def _missing(names: Sequence[str], root: str) -> set[str]:
    """Names without a file; each folder is listed once, which is faster than asking for each file."""
    folders: dict[str, list[str]] = defaultdict(list)
    for name in names:
        folders[osp.dirname(osp.join(root, name))].append(name)
    missing: set[str] = set()
    for folder, members in folders.items():
        try:
            present = set(os.listdir(folder or '.'))
        except (OSError, ValueError):  # ValueError: a name that no file can have
            present = set()
        missing.update(name for name in members if osp.basename(name) not in present)
    return missing
