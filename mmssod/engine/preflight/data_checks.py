"""Everything about the files of a data set that can be known before it is built."""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Mapping, Sequence
from typing import Any

from mmssod.datasets.annotation_files import read_json
from mmssod.datasets.image_lists import find_images
from mmssod.datasets.preparation import Findings
from mmssod.engine.preflight.annotation_checks import annotation_findings
from mmssod.engine.preflight.annotation_file import class_problem
from mmssod.engine.preflight.image_checks import image_problems
from mmssod.structures import Problem

# Files without a problem, which are looked at only once in a process; others may be mended meanwhile.
_SOUND: dict[tuple[Any, ...], Findings] = {}


def file_findings(
    name: str, file: str, classes: Sequence[str], image_root: str, limit: int
) -> Findings:
    """All that is wrong with a COCO json, its classes and its images.

    Args:
        name: of the data set, for the messages.
        file: path of the json; one on a remote storage is not looked at.
        classes: those that are trained.
        image_root: folder that its image names are relative to.
        limit: how many of its images are read.
    """
    if '://' in file or '://' in image_root:
        return Findings()
    if not osp.isfile(file):
        return Findings(problems=(missing_file(name, file),))
    stat = os.stat(file)
    key = (name, file, stat.st_mtime_ns, stat.st_size, tuple(classes), image_root, limit)
    if key not in _SOUND:
        findings = _look(name, file, classes, image_root, limit)
        if findings.problems:
            return findings
        _SOUND[key] = findings
    return _SOUND[key]


def missing_file(name: str, file: str) -> Problem:
    """No annotation file there."""
    mend = 'correct data_root and ann_file; a relative path starts at the folder you call from'
    return Problem(f'{name}: no annotation file', file, f'nothing at {osp.abspath(file)}', mend)


def unreadable_file(name: str, error: Exception) -> Problem:
    """An annotation file that is none."""
    mend = 'make the file again, or correct ann_file'
    return Problem(f'{name}: unreadable annotation file', 'a COCO json', str(error), mend)


def unlabeled_problems(name: str, dataset: Mapping[str, Any]) -> list[Problem]:
    """What keeps an ``UnlabeledDataset`` from finding its images."""
    images = dataset.get('images')
    if not isinstance(images, str) or '://' in images or dataset.get('backend_args'):
        return []
    prefix = (dataset.get('data_prefix') or {}).get('img', '')
    try:
        find_images(images, root=dataset.get('data_root') or '', prefix=prefix)
    except (OSError, ValueError) as error:
        expected = 'a folder, a glob, a text list or a COCO json with images'
        mend = 'correct images, data_root and data_prefix'
        return [Problem(f'{name}: no images to train on', expected, str(error), mend)]
    return []


def _look(name: str, file: str, classes: Sequence[str], image_root: str, limit: int) -> Findings:
    try:
        content = read_json(file)
    except (OSError, ValueError) as error:
        return Findings(problems=(unreadable_file(name, error),))
    findings = annotation_findings(name, file, content, classes, image_root)
    try:
        problem = class_problem(name, classes, file)
    except ValueError:
        problem = None  # categories without names, which are among the findings
    if problem is not None:
        findings = Findings(problems=(problem,)) + findings
    images = content.get('images') if isinstance(content, dict) else None
    if isinstance(images, list):
        findings += Findings(problems=tuple(image_problems(name, images, image_root, limit)))
    return findings
