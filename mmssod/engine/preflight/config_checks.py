"""Checks that need only the config and the annotation files: before anything is built.

A data set whose class names match nothing in its json is empty, and fails while it is built, far
from the cause; these checks run first and show both lists.
"""

from __future__ import annotations

import os.path as osp
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmdet.registry import DATASETS
from mmengine.fileio import list_from_file

from mmssod.engine.preflight.annotation_file import category_names
from mmssod.structures import Problem

_EVALUATORS = ('val_evaluator', 'test_evaluator')
_LOADERS = ('val_dataloader', 'test_dataloader')


def config_problems(cfg: Mapping[str, Any]) -> list[Problem]:
    """All problems a training config shows by itself.

    Args:
        cfg: a training config. Parts that are missing, or are objects instead of dicts, are not
            checked here.

    Returns:
        list[Problem]: a string for classes; class names that differ between config and json (of the labeled, validation
        and test sets and of the evaluators), or between training and evaluation.
    """
    labeled = _labeled(cfg)
    classes = _classes(labeled) if labeled else None
    problems = list(_one_string_problems(labeled))
    problems += _dataset_problems('labeled', labeled, classes) if labeled else []
    for loader in _LOADERS:
        problems += _loader_problems(loader, cfg.get(loader), classes)
    for evaluator in _EVALUATORS:
        problems += _evaluator_problems(evaluator, cfg.get(evaluator), classes)
    unique = {str(problem): problem for problem in problems}
    return list(unique.values())


def class_problem(name: str, classes: Sequence[str], file: str) -> Problem | None:
    """Compare configured classes with the categories of a json.

    The label of a box is the place of its category among the json's, so names must agree in order
    too. Categories of the json that are not configured are left out of training: no problem.
    """
    categories = category_names(file)
    configured = set(classes)
    used = [category for category in categories if category in configured]
    if list(classes) == used:
        return None
    missing = [category for category in classes if category not in set(categories)]
    what = f'{name}: class names missing from its annotation file: {missing}'
    mend = (
        'write the names in metainfo=dict(classes=...) exactly as in the file (case and blanks '
        'count), or the reverse'
    )
    if not missing:
        what = f'{name}: classes in another order than in its annotation file'
        mend = 'labels follow the order of the file: write metainfo=dict(classes=...) in that order'
    return Problem(what, f'{list(categories)} (categories of {file})', f'{list(classes)}', mend)


def labeled_classes(cfg: Mapping[str, Any]) -> tuple[str, ...]:
    """The classes that a training config learns: those of its labeled set; empty when they cannot be told."""
    labeled = _labeled(cfg)
    return tuple((labeled and _classes(labeled)) or ())


def _one_string_problems(labeled: Any) -> Iterator[Problem]:
    for leaf in _leaves(labeled):
        classes = (leaf.get('metainfo') or {}).get('classes')
        if isinstance(classes, str) and not osp.isfile(classes):
            yield Problem(
                'labeled: classes are one string, whose letters would be the classes',
                f'a tuple: ({classes!r},)',
                f'{classes!r}, {len(classes)} letters',
                'mind the comma of a tuple with one element',
            )


def _labeled(cfg: Mapping[str, Any]) -> Mapping[str, Any] | None:
    loader = cfg.get('train_dataloader')
    dataset = loader.get('dataset') if isinstance(loader, Mapping) else None
    if not isinstance(dataset, Mapping):
        return None
    return dataset['labeled'] if isinstance(dataset.get('labeled'), Mapping) else dataset


def _leaves(dataset: Any) -> Iterator[Mapping[str, Any]]:
    """Data set configs inside wrappers (``dataset=``, ``datasets=``)."""
    if not isinstance(dataset, Mapping):
        return
    inner = dataset.get('datasets') or ([dataset['dataset']] if 'dataset' in dataset else [])
    if not inner:
        yield dataset
    for part in inner:
        yield from _leaves(part)


def _classes(dataset: Any) -> list[str] | None:
    """Classes that a data set config will have: its own, or its type's."""
    for leaf in _leaves(dataset):
        metainfo = leaf.get('metainfo') or {}
        classes = metainfo.get('classes')
        if classes is None:
            kind = leaf.get('type')
            kind = DATASETS.get(kind) if isinstance(kind, str) else kind
            classes = getattr(kind, 'METAINFO', {}).get('classes')
        if isinstance(classes, str):
            return list_from_file(classes) if osp.isfile(classes) else [classes]
        return list(classes) if classes else None
    return None


def _dataset_problems(name: str, dataset: Any, classes: Sequence[str] | None) -> Iterator[Problem]:
    for leaf in _leaves(dataset):
        file = leaf.get('ann_file') or ''
        own = _classes(leaf) or classes
        if own is None or not file.endswith('.json'):
            continue
        yield from _file_problems(name, own, osp.join(leaf.get('data_root') or '', file))


def _file_problems(name: str, classes: Sequence[str], file: str) -> Iterator[Problem]:
    if '://' in file:
        return
    if not osp.isfile(file):
        mend = 'correct data_root and ann_file; a relative path starts at the folder you call from'
        yield Problem(f'{name}: no annotation file', file, f'nothing at {osp.abspath(file)}', mend)
        return
    try:
        problem = class_problem(name, classes, file)
    except ValueError as error:
        problem = Problem(
            f'{name}: unreadable annotation file',
            'a COCO json',
            str(error),
            'make the file again, or correct ann_file',
        )
    if problem is not None:
        yield problem


def _loader_problems(name: str, loader: Any, classes: Sequence[str] | None) -> list[Problem]:
    dataset = loader.get('dataset') if isinstance(loader, Mapping) else None
    if not isinstance(dataset, Mapping):
        return []
    own = _classes(dataset)
    problems = list(_dataset_problems(name, dataset, own))
    if own and classes and own != list(classes):
        problems.append(
            Problem(
                f'{name}: classes differ from those trained',
                f'{list(classes)} (labeled set)',
                f'{own} ({name})',
                f'give {name}.dataset the metainfo of the labeled set',
            )
        )
    return problems


def _evaluator_problems(name: str, evaluator: Any, classes: Sequence[str] | None) -> list[Problem]:
    metrics = evaluator if isinstance(evaluator, (list, tuple)) else [evaluator]
    problems: list[Problem] = []
    for metric in metrics:
        file = metric.get('ann_file') if isinstance(metric, Mapping) else None
        if classes and isinstance(file, str) and file.endswith('.json'):
            problems += _file_problems(name, classes, file)
    return problems
