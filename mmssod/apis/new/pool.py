"""The unlabeled images of ``mmssod new``, and which of them are labeled ones."""

from __future__ import annotations

import os.path as osp
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmssod.datasets.image_lists import FoundImage, find_images, list_folder, source_kind
from mmssod.datasets.left_out import left_out
from mmssod.datasets.preparation.findings import Findings
from mmssod.datasets.preparation.image_files import copies
from mmssod.datasets.preparation.own_data import check_images
from mmssod.structures import Problem


@dataclass(frozen=True)
class Pool:
    """Unlabeled images.

    Args:
        source: Folder, glob, text list or COCO json that names them, absolute.
        prefix: Folder that the names in a list or json are relative to, absolute; '' of folders, globs and lists of
            absolute names.
        images: Those that are not labeled.
        labeled: Names, within the source, of those that are.
    """

    source: str
    prefix: str
    images: tuple[FoundImage, ...]
    labeled: tuple[str, ...]


def find_pool(
    source: str, labeled: Sequence[Path], folders: Iterable[Path] = ()
) -> tuple[Pool, Findings]:
    """Find the unlabeled images; those that are labeled are told by file and by content, not by name.

    Args:
        source: Folder, glob, text list or COCO json of images.
        labeled: The files of the labeled images, links followed.
        folders: Where names of a list or json are looked for when they are not beside it.

    Raises:
        ValueError, FileNotFoundError: See :func:`~mmssod.datasets.image_lists.find_images`.
    """
    prefix = ''
    if source_kind(source) in ('text list', 'COCO json'):
        prefix = list_folder(source, [str(folder) for folder in folders])
    found = find_images(source, prefix=prefix)
    same, copies = set(_same_files(found, labeled)), _copies(found, labeled)
    rest = tuple(image for image in found if image.name not in same | copies)
    notes = [
        f'unlabeled: {len(names)} {kind} among them are left out'
        for names, kind in ((same, 'labeled images'), (copies - same, 'copies of labeled images'))
        if names
    ]
    if others := left_out(source):
        notes.append(f'unlabeled: other files below {source} are left out: {others}')
    findings = check_images('unlabeled', rest, decode=True) + Findings(tuple(notes))
    if not rest:
        fix = 'name a folder with other images than the labeled ones'
        problem = Problem('unlabeled: empty', 'at least one image', f'none in {source}', fix)
        findings += Findings(problems=(problem,))
    pool = Pool(osp.abspath(source), prefix, rest, tuple(sorted(same | copies)))
    return pool, findings


def _same_files(found: Sequence[FoundImage], labeled: Sequence[Path]) -> Iterator[str]:
    """Names of images whose file, links followed, is a labeled one."""
    known = set(labeled)
    return (image.name for image in found if Path(image.path).resolve() in known)


def _copies(found: Sequence[FoundImage], labeled: Sequence[Path]) -> set[str]:
    """Names of images of the same bytes as a labeled one."""
    twins = copies([Path(image.path) for image in found], labeled)
    return {image.name for image in found if Path(image.path) in twins}
