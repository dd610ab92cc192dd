"""Everything about the files of a data set that can be known before it is built."""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from mmssod.datasets.annotation_files import examples, leads_out, plain_name, read_json, records
from mmssod.datasets.preparation import Findings
from mmssod.engine.preflight.annotation_checks import annotation_findings
from mmssod.engine.preflight.image_checks import image_problems
from mmssod.environment.errors import InputError
from mmssod.structures import Problem

# Files without a problem, which are looked at only once in a process; others may be mended meanwhile.
_SOUND: dict[str, Findings] = {}
# Names that data sets give the folder of their images.
_ROOTS = ('img', 'img_path', 'sub_data_root')


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
    kept, stat = dict(filter_cfg or {}), os.stat(file)
    key = f'{(name, file, stat.st_mtime_ns, stat.st_size, [*classes], image_root, limit, kept)}'
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


def content_findings(
    name: str,
    file: str,
    content: Any,
    classes: Sequence[str],
    image_root: str,
    limit: int,
    filter_cfg: Mapping[str, Any] | None = None,
) -> Findings:
    """As :func:`file_findings`, of what was read from ``file``; names of classes are not compared."""
    findings = annotation_findings(name, file, content, classes, image_root, filter_cfg)
    images = records(content, 'images')
    return findings + Findings(problems=tuple(image_problems(name, images, image_root, limit)))


def category_names(content: Any, file: str) -> list[str]:
    """Names of the categories of a COCO json in its order, which is the order of the label indices.

    Args:
        content: what the json holds.
        file: where it is from.

    Raises:
        ValueError: its categories have no names.
    """
    categories = content.get('categories', []) if isinstance(content, dict) else []
    try:
        names = [category['name'] for category in categories]
        if all(isinstance(name, str) for name in names):
            return names
    except (TypeError, KeyError):
        pass
    expected = 'expected "categories": [{"id": ..., "name": ...}, ...]'
    raise InputError(f'{file}: {expected}, got {str(categories)[:200]}')


def class_problem(
    name: str, classes: Sequence[str], categories: Sequence[str], file: str
) -> Problem | None:
    """Compare configured classes with the categories of a json.

    The label of a box is the place of its category among the json's, so names must agree in order
    too. Categories of the json that are not configured are left out of training: no problem.
    """
    if list(classes) == [category for category in categories if category in classes]:
        return None
    missing = [category for category in classes if category not in categories]
    plain = {plain_name(category) for category in categories}
    alike = [category for category in missing if plain_name(category) in plain]
    what = f'{name}: class names missing from its annotation file: {missing}'
    if alike:
        what += f', of which {ascii(alike)} differ only in blanks or in how accents are written'
    fix = (
        'write the names in metainfo=dict(classes=...) exactly as in the file (case and blanks '
        'count), or the reverse'
    )
    if not missing:
        what = f'{name}: classes in another order than in its annotation file'
        fix = 'labels follow the order of the file: write metainfo=dict(classes=...) in that order'
    return Problem(what, f'{list(categories)} (categories of {file})', f'{list(classes)}', fix)


def outside_problems(name: str, dataset: Any) -> Iterator[Problem]:
    """Images of a data set whose names in an annotation file lead out of their folder, see ``leads_out``.

    Args:
        name: of the data set, for the message.
        dataset: as it was built; those inside wrappers are looked at one by one, and not one that ``refuses_outside``
            by itself.
    """
    inner = getattr(dataset, 'datasets', None) or getattr(dataset, 'dataset', None) or []
    for part in inner if isinstance(inner, (list, tuple)) else [inner]:
        yield from outside_problems(name, part)
    prefix = getattr(dataset, 'data_prefix', None) or {}
    root = next((prefix[key] for key in _ROOTS if key in prefix), None)
    if inner or root is None or getattr(dataset, 'refuses_outside', False):
        return
    paths = (dataset.get_data_info(index).get('img_path') or '' for index in range(len(dataset)))
    yield from _outside(name, root, [path for path in paths if _is_outside(path, root)])


def config_outside_problems(cfg: Mapping[str, Any], loader: str) -> Iterator[Problem]:
    """As ``outside_problems``, from the COCO jsons that a loader's config names: before anything is built.

    Args:
        cfg: a config.
        loader: such as ``'test_dataloader'``.
    """
    for leaf in leaves((cfg.get(loader) or {}).get('dataset')):
        file, root = json_of(leaf)
        if is_json(file) and '://' not in root and osp.isfile(file):
            names = [str(image.get('file_name')) for image in records(read_json(file), 'images')]
            yield from _outside(loader, root, [name for name in names if leads_out(name, root)])


def leaves(dataset: Any) -> Iterator[Mapping[str, Any]]:
    """Data set configs inside wrappers (``dataset=``, ``datasets=``)."""
    if not isinstance(dataset, Mapping):
        return
    inner = dataset.get('datasets') or ([dataset['dataset']] if 'dataset' in dataset else [])
    if not inner:
        yield dataset
    for part in inner:
        yield from leaves(part)


def json_of(leaf: Mapping[str, Any]) -> tuple[str, str]:
    """The annotation file of a data set's config, and the folder of its images."""
    root, file = leaf.get('data_root') or '', leaf.get('ann_file') or ''
    prefix = leaf.get('data_prefix') or {}
    images = prefix.get('img') or prefix.get('img_path') or ''
    return osp.join(root, file if isinstance(file, str) else ''), osp.join(root, images)


def is_json(file: Any) -> bool:
    """Whether a file is named as a json on this machine."""
    return isinstance(file, str) and '://' not in file and file.lower().endswith('.json')


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
    problem = None
    with suppress(InputError):  # of categories without names, which are among the findings
        problem = class_problem(name, classes, category_names(content, file), file)
    found = Findings(problems=() if problem is None else (problem,))
    kept = filter_cfg if problem is None else None  # else it says why no image is left
    return found + content_findings(name, file, content, classes, image_root, limit, kept)


def _outside(name: str, root: str, outside: list[str]) -> Iterator[Problem]:
    if outside:
        yield Problem(
            f'{name}: {len(outside)} image names lead out of the folder of the images',
            f'files below {root or "the working folder, or absolute ones"}',
            examples(outside),
            'correct the annotation file, or give the data_root and data_prefix that hold all images',
        )


def _is_outside(path: str, root: str) -> bool:
    """Of a path that the root was joined to."""
    if '://' in path or not root:
        return leads_out(path, root)
    return leads_out(osp.abspath(path), osp.abspath(root))
