"""Checks the files of a data set before it is built."""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from mmssod.datasets.annotation_files import examples, leads_out, plain_name, read_json, records
from mmssod.datasets.preparation import Findings
from mmssod.datasets.preparation.annotation_checks import annotation_findings
from mmssod.environment.errors import InputError
from mmssod.structures import Problem

# Files without a problem, which are looked at only once in a process; others may be fixed meanwhile.
_SOUND: dict[str, Findings] = {}
_ROOTS = ('img', 'img_path', 'sub_data_root')  # what data sets call the folder of their images


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
    stat = os.stat(file) if osp.isfile(file) else None
    key = f'{(name, file, stat, [*classes], image_root, limit, filter_cfg)}'
    if key in _SOUND:
        return _SOUND[key]
    content, problems = read_set(name, file)
    if problems:
        return Findings(problems=tuple(problems))
    with suppress(InputError):  # of categories without names, which are among the findings
        problems = name_problems(name, classes, content, file)
    kept = None if problems else dict(filter_cfg or {})  # else they say why no image is left
    found = annotation_findings(name, file, content, classes, image_root, limit, kept)
    found = Findings(problems=tuple(problems)) + found
    if not found.problems:
        _SOUND[key] = found
    return found


def read_set(name: str, file: str) -> tuple[Any, list[Problem]]:
    """The content of the json of a set, or what keeps it from being read."""
    try:
        return read_json(file), []
    except FileNotFoundError:
        fix = 'correct data_root and ann_file; a relative path starts at the folder you call from'
        what, actual = f'{name}: no annotation file', f'nothing at {osp.abspath(file)}'
        return None, [Problem(what, file, actual, fix)]
    except (OSError, ValueError) as error:
        return None, [unreadable_file(name, error)]


def unreadable_file(name: str, error: Exception) -> Problem:
    """Problem of an annotation file that cannot be read."""
    fix = 'make the file again, or correct ann_file'
    return Problem(f'{name}: unreadable annotation file', 'a COCO json', str(error), fix)


def category_names(content: Any, file: str) -> list[str]:
    """Names of the categories of a json in its order, that of the label indices; a ``ValueError`` if one has none."""
    categories = content.get('categories', []) if isinstance(content, dict) else []
    listed = categories if isinstance(categories, list) else [None]
    names: list[Any] = [each.get('name') if isinstance(each, dict) else None for each in listed]
    if not all(isinstance(name, str) for name in names):
        expected = 'expected "categories": [{"id": ..., "name": ...}, ...]'
        raise InputError(f'{file}: {expected}, got {str(categories)[:200]}')
    return names


def name_problems(name: str, classes: Sequence[str], content: Any, file: str) -> list[Problem]:
    """Compare configured classes with the categories of a json.

    The label of a box is the place of its category among the json's, so names must agree in order
    too. Categories of the json that are not configured are left out of training: no problem.

    Raises:
        ValueError: its categories have no names.
    """
    categories = category_names(content, file)
    if list(classes) == [category for category in categories if category in classes]:
        return []
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
    return [Problem(what, f'{list(categories)} (categories of {file})', f'{list(classes)}', fix)]


def outside_problems(name: str, dataset: Any) -> Iterator[Problem]:
    """Images of a data set, as it was built, whose names in an annotation file lead out of their folder.

    Those inside wrappers are looked at one by one; not one that ``refuses_outside`` by itself.
    """
    inner = getattr(dataset, 'datasets', None) or getattr(dataset, 'dataset', None) or []
    for part in inner if isinstance(inner, (list, tuple)) else [inner]:
        yield from outside_problems(name, part)
    prefix = getattr(dataset, 'data_prefix', None) or {}
    root = next((prefix[key] for key in _ROOTS if key in prefix), None)
    if inner or root is None or getattr(dataset, 'refuses_outside', False):
        return
    paths = (dataset.get_data_info(index).get('img_path') or '' for index in range(len(dataset)))
    if root and '://' not in root:  # it was joined to the names
        root, paths = osp.abspath(root), (p if '://' in p else osp.abspath(p) for p in paths)
    yield from _outside(name, root, paths)


def config_outside_problems(cfg: Mapping[str, Any], loader: str) -> Iterator[Problem]:
    """As ``outside_problems``, from the COCO jsons that a loader of a config names: before anything is built."""
    for leaf in leaves((cfg.get(loader) or {}).get('dataset')):
        file, root = json_of(leaf)
        if is_json(file) and '://' not in root and osp.isfile(file):
            images = records(read_json(file), 'images')
            yield from _outside(loader, root, (str(image.get('file_name')) for image in images))


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


def _outside(name: str, root: str, paths: Iterable[str]) -> Iterator[Problem]:
    if outside := [path for path in paths if leads_out(path, root)]:
        yield Problem(
            f'{name}: {len(outside)} image names point outside the image folder',
            f'files below {root or "the working folder, or absolute ones"}',
            examples(outside),
            'correct the annotation file, or give the data_root and data_prefix that hold all images',
        )
