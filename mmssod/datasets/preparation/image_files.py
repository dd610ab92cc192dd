"""Finds the image files of a labeled set: their folder, their names, and duplicates."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from mmssod.datasets.annotation_files import leads_out
from mmssod.datasets.preparation import Findings
from mmssod.datasets.split import Coco


def count_files(folder: Path, names: Sequence[str]) -> int:
    """How many names are files below a folder, as they are or with the backslashes of Windows as slashes."""
    return sum(found_name(folder, name) is not None for name in names)


def found_name(folder: Path, name: str) -> str | None:
    """The name of a file below a folder that a json means: as written, else with slashes, else with other accents."""
    slashed = name.replace('\\', '/')
    forms = [name, slashed, *(unicodedata.normalize(form, slashed) for form in ('NFC', 'NFD'))]
    there = (one for one in forms if not leads_out(one, str(folder)) and _is_file(folder / one))
    return next(there, None)


def with_file_names(name: str, coco: Coco, images: Path) -> tuple[Coco, Findings]:
    """A COCO data set with the names that its images have on the disk, and a line that counts the changed ones."""
    old = [image['file_name'] for image in coco['images']]
    new = [found_name(images, one) or one for one in old]
    changed = sum(one != other for one, other in zip(old, new, strict=True))
    note = (
        f'{name}: {changed} image names are read with "/" for the backslashes of Windows, or with other accents',
    )
    records = [{**i, 'file_name': n} for i, n in zip(coco['images'], new, strict=True)]
    return {**coco, 'images': records}, Findings(note if changed else ())


def copies(files: Sequence[Path], others: Sequence[Path] | None = None) -> set[Path]:
    """Those of ``files`` with the same bytes as one of ``others``, or as another of themselves.

    The same path in both is no copy. Only files of one size are read, each once.
    """
    known = files if others is None else others
    by_size: dict[int, set[Path]] = defaultdict(set)
    for file in {*files, *known}:
        if _is_file(file):
            by_size[file.stat().st_size].add(file)
    digests = {
        file: blake2b(file.read_bytes()).digest()
        for same in by_size.values()
        if len(same) > 1
        for file in same
    }
    twins: dict[bytes, set[Path]] = defaultdict(set)
    for file in set(known) & digests.keys():
        twins[digests[file]].add(file)
    return {file for file in files if file in digests and twins[digests[file]] - {file}}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except ValueError:  # a name that no file can have
        return False
