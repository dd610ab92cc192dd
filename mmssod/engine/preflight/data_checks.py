"""Everything about the files of a data set that can be known before it is built."""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Mapping, Sequence
from typing import Any

from mmssod.datasets.annotation_files import read_json
from mmssod.datasets.image_lists import exclude_names, find_images, read_names
from mmssod.datasets.preparation import Findings
from mmssod.engine.preflight.annotation_checks import annotation_findings, no_image_problem
from mmssod.engine.preflight.annotation_file import class_problem
from mmssod.engine.preflight.image_checks import image_problems
from mmssod.environment.errors import InputError
from mmssod.structures import Problem

# Files without a problem, which are looked at only once in a process; others may be mended meanwhile.
_SOUND: dict[tuple[Any, ...], Findings] = {}


def file_findings(
    name: str,
    file: str,
    classes: Sequence[str],
    image_root: str,
    limit: int,
    filter_cfg: Mapping[str, Any] | None = None,
) -> Findings:
    """All that is wrong with a COCO json, its classes and its images.

    Args:
        name: of the data set, for the messages.
        file: path of the json; one on a remote storage is not looked at.
        classes: those that are trained.
        image_root: folder that its image names are relative to.
        limit: how many of its images are read.
        filter_cfg: the data set's, by which it leaves images out.
    """
    if '://' in file or '://' in image_root:
        return Findings()
    if not osp.isfile(file):
        return Findings(problems=(missing_file(name, file),))
    stat = os.stat(file)
    kept = dict(filter_cfg or {})
    about = (tuple(classes), image_root, limit, str(kept))
    key = (name, file, stat.st_mtime_ns, stat.st_size, *about)
    if key not in _SOUND:
        findings = _look(name, file, classes, image_root, limit, kept)
        if findings.problems:
            return findings
        _SOUND[key] = findings
    return _SOUND[key]


def missing_file(name: str, file: str) -> Problem:
    """No annotation file there."""
    fix = 'correct data_root and ann_file; a relative path starts at the folder you call from'
    return Problem(f'{name}: no annotation file', file, f'nothing at {osp.abspath(file)}', fix)


def unreadable_file(name: str, error: Exception) -> Problem:
    """An annotation file that is none."""
    fix = 'make the file again, or correct ann_file'
    return Problem(f'{name}: unreadable annotation file', 'a COCO json', str(error), fix)


def unlabeled_problems(name: str, dataset: Mapping[str, Any]) -> list[Problem]:
    """What keeps an ``UnlabeledDataset`` from finding its images."""
    images = dataset.get('images')
    if not isinstance(images, str) or '://' in images or dataset.get('backend_args'):
        return []
    prefix = (dataset.get('data_prefix') or {}).get('img', '')
    root, exclude = dataset.get('data_root') or '', dataset.get('exclude') or ()
    try:
        found = find_images(images, root=root, prefix=prefix)
        for file in (exclude,) if isinstance(exclude, str) else exclude:
            left = exclude_names(found, read_names(file, root=root))
            if not left:
                raise InputError(f'exclude={file!r} leaves none of {len(found)} images')
            found = left
    except (OSError, ValueError) as error:
        expected = 'a folder, a glob, a text list or a COCO json with images'
        fix = 'correct images, data_root, data_prefix and exclude'
        return [Problem(f'{name}: no images to train on', expected, str(error), fix)]
    return []


def _look(
    name: str,
    file: str,
    classes: Sequence[str],
    image_root: str,
    limit: int,
    filter_cfg: Mapping[str, Any],
) -> Findings:
    try:
        content = read_json(file)
    except (OSError, ValueError) as error:
        return Findings(problems=(unreadable_file(name, error),))
    findings = content_findings(name, file, content, classes, image_root, limit)
    try:
        problem = class_problem(name, classes, file)
    except ValueError:
        problem = None  # categories without names, which are among the findings
    if problem is None:  # else it says why no image is left
        problem = no_image_problem(name, file, content, classes, filter_cfg)
    return findings if problem is None else Findings(problems=(problem,)) + findings


def content_findings(
    name: str, file: str, content: Any, classes: Sequence[str], image_root: str, limit: int
) -> Findings:
    """As :func:`file_findings`, of what was read from ``file``; names of classes are not compared."""
    findings = annotation_findings(name, file, content, classes, image_root)
    images = content.get('images') if isinstance(content, dict) else None
    if isinstance(images, list):
        findings += Findings(problems=tuple(image_problems(name, images, image_root, limit)))
    return findings
