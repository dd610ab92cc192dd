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

from mmssod.datasets.preparation import Findings
from mmssod.engine.preflight.annotation_file import class_problem
from mmssod.engine.preflight.class_checks import class_problems
from mmssod.engine.preflight.data_checks import (
    file_findings,
    missing_file,
    unlabeled_problems,
    unreadable_file,
)
from mmssod.engine.preflight.evaluator_checks import evaluator_problems
from mmssod.engine.preflight.image_checks import READ_IMAGES
from mmssod.engine.preflight.key_checks import key_problems
from mmssod.engine.preflight.outside_checks import is_json, leaves
from mmssod.engine.preflight.part_checks import part_problems
from mmssod.engine.preflight.runner_checks import runner_problems
from mmssod.engine.preflight.value_checks import value_problems
from mmssod.environment.errors import InputError
from mmssod.structures import Problem

_EVALUATORS = ('val_evaluator', 'test_evaluator')
_LOADERS = ('val_dataloader', 'test_dataloader')


def config_problems(cfg: Mapping[str, Any]) -> list[Problem]:
    """All problems a training config shows by itself, or by the files that it names.

    Args:
        cfg: a training config. Parts that are missing, or are objects instead of dicts, are not
            checked here.

    Returns:
        list[Problem]: unknown keys and types; text for numbers; values out of their range; counts, batch, loop, burn-in
        and numbers of classes that contradict each other; a string for classes; class names that differ between config
        and json (of the labeled, validation and test sets and of the evaluators), or between training and evaluation;
        all that is wrong in these json and with their images; unlabeled images that are not found.
    """
    labeled = _labeled(cfg)
    classes = _classes(labeled) if labeled else None
    problems = [
        *runner_problems(cfg),
        *key_problems(cfg),
        *value_problems(cfg),
        *part_problems(cfg),
        *class_problems(cfg, classes or ()),
        *_one_string_problems(labeled),
        *data_findings(cfg).problems,
    ]
    problems += [*_unlabeled_problems(cfg), *_other_class_problems(cfg, classes)]
    for evaluator in _EVALUATORS:
        problems += _evaluator_problems(evaluator, cfg.get(evaluator), classes)
        problems += evaluator_problems(cfg, evaluator.partition('_')[0])
    unique = {str(problem): problem for problem in problems}
    return list(unique.values())


def data_findings(cfg: Mapping[str, Any]) -> Findings:
    """Problems and warnings of the labeled, validation and test sets' files.

    How many images are read is ``default_hooks.preflight.read_images``, see ``PreflightHook``.
    """
    labeled = _labeled(cfg)
    classes = _classes(labeled) if labeled else None
    limit = _read_images(cfg)
    findings = _dataset_findings('labeled', labeled, classes, limit) if labeled else Findings()
    seen = []
    for loader in _LOADERS:
        dataset = _dataset(cfg, loader)
        # Nearly always the test set is the validation set: its images are read once.
        findings += _loader_findings(loader, dataset, classes, 0 if dataset in seen else limit)
        seen.append(dataset)
    return findings


def _read_images(cfg: Mapping[str, Any]) -> int:
    """``read_images`` of the config's ``PreflightHook``."""
    hooks = [*(cfg.get('default_hooks') or {}).values(), *(cfg.get('custom_hooks') or ())]
    for hook in hooks:
        if isinstance(hook, Mapping) and hook.get('type') == 'PreflightHook':
            images = hook.get('read_images')
            return images if isinstance(images, int) else READ_IMAGES
    return READ_IMAGES


def labeled_classes(cfg: Mapping[str, Any]) -> tuple[str, ...]:
    """The classes that a training config learns: those of its labeled set; empty when they cannot be told."""
    labeled = _labeled(cfg)
    return tuple((labeled and _classes(labeled)) or ())


def _one_string_problems(labeled: Any) -> Iterator[Problem]:
    for leaf in leaves(labeled):
        classes = (leaf.get('metainfo') or {}).get('classes')
        if isinstance(classes, str) and not osp.isfile(classes):
            yield Problem(
                'labeled: classes are one string, whose letters would be the classes',
                f'a tuple: ({classes!r},)',
                f'{classes!r}, {len(classes)} letters',
                'mind the comma of a tuple with one element',
            )


def _dataset(cfg: Mapping[str, Any], name: str) -> Any:
    loader = cfg.get(name)
    return loader.get('dataset') if isinstance(loader, Mapping) else None


def _labeled(cfg: Mapping[str, Any]) -> Mapping[str, Any] | None:
    dataset = _dataset(cfg, 'train_dataloader')
    if not isinstance(dataset, Mapping):
        return None
    return dataset['labeled'] if isinstance(dataset.get('labeled'), Mapping) else dataset


def _classes(dataset: Any) -> list[str] | None:
    """Classes that a data set config will have: its own, or its type's."""
    for leaf in leaves(dataset):
        metainfo = leaf.get('metainfo') or {}
        classes = metainfo.get('classes')
        if classes is None:
            kind = leaf.get('type')
            kind = DATASETS.get(kind) if isinstance(kind, str) else kind
            classes = getattr(kind, 'METAINFO', {}).get('classes')
        if isinstance(classes, str):
            return _listed(classes) if osp.isfile(classes) else [classes]
        return list(classes) if classes else None
    return None


def _listed(file: str) -> list[str]:
    """Names from a file, as mmengine reads it.

    Raises:
        ValueError: It is in another encoding.
    """
    try:
        names: list[str] = list_from_file(file)
    except UnicodeDecodeError as error:
        raise InputError(
            f'{file}: expected names of classes in UTF-8, {error}: save it in that encoding'
        ) from error
    return names


def _dataset_findings(
    name: str, dataset: Any, classes: Sequence[str] | None, limit: int
) -> Findings:
    findings = Findings()
    for leaf in leaves(dataset):
        file = leaf.get('ann_file') or ''
        own = _classes(leaf) or classes
        if own is None or not isinstance(file, str) or not is_json(file):
            continue
        root = leaf.get('data_root') or ''
        prefix = leaf.get('data_prefix') or {}
        images = osp.join(root, prefix.get('img') or prefix.get('img_path') or '')
        read = 0 if leaf.get('backend_args') else limit
        kept = {} if leaf.get('test_mode') else leaf.get('filter_cfg') or {}
        findings += file_findings(name, osp.join(root, file), own, images, read, kept)
    return findings


def _file_problems(name: str, classes: Sequence[str], file: str) -> Iterator[Problem]:
    """Of the file of an evaluator, of which only the classes matter here."""
    if not osp.isfile(file):
        yield missing_file(name, file)
        return
    try:
        problem = class_problem(name, classes, file)
    except ValueError as error:
        problem = unreadable_file(name, error)
    if problem is not None:
        yield problem


def _unlabeled_problems(cfg: Mapping[str, Any]) -> Iterator[Problem]:
    dataset = _dataset(cfg, 'train_dataloader')
    for name, source in dataset.items() if isinstance(dataset, Mapping) else ():
        if isinstance(source, Mapping) and source.get('type') == 'UnlabeledDataset':
            yield from unlabeled_problems(name, source)


def _other_class_problems(
    cfg: Mapping[str, Any], classes: Sequence[str] | None
) -> Iterator[Problem]:
    """Of sources beside the labeled one that have classes."""
    dataset = _dataset(cfg, 'train_dataloader')
    for name, source in dataset.items() if isinstance(dataset, Mapping) else ():
        own = _classes(source) if isinstance(source, Mapping) and name != 'labeled' else None
        if 'labeled' in dataset and own and classes and own != list(classes):
            yield Problem(
                f'source {name!r} has other classes than the labeled one',
                f'{list(classes)} (labeled)',
                f'{own} ({name})',
                'give both the same metainfo=dict(classes=...), or none to an UnlabeledDataset',
            )


def _loader_findings(
    name: str, dataset: Any, classes: Sequence[str] | None, limit: int
) -> Findings:
    if not isinstance(dataset, Mapping):
        return Findings()
    own = _classes(dataset)
    findings = _dataset_findings(name, dataset, own, limit)
    if own and classes and own != list(classes):
        other = Problem(
            f'{name}: classes differ from those trained',
            f'{list(classes)} (labeled set)',
            f'{own} ({name})',
            f'give {name}.dataset the metainfo of the labeled set',
        )
        findings += Findings(problems=(other,))
    return findings


def _evaluator_problems(name: str, evaluator: Any, classes: Sequence[str] | None) -> list[Problem]:
    metrics = evaluator if isinstance(evaluator, (list, tuple)) else [evaluator]
    problems: list[Problem] = []
    for metric in metrics:
        file = metric.get('ann_file') if isinstance(metric, Mapping) else None
        if classes and isinstance(file, str) and is_json(file):
            problems += _file_problems(name, classes, file)
    return problems
