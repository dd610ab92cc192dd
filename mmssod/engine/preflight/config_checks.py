"""Checks that need only the config and the annotation files, before anything is built.

A data set whose class names match nothing in its json is empty, and fails while it is built, far
from the cause; these checks run first and show both lists.
"""

from __future__ import annotations

import os.path as osp
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmdet.registry import DATASETS
from mmengine.fileio import list_from_file
from torch import nn

from mmssod.datasets.preparation import Findings
from mmssod.datasets.preparation.image_checks import READ_IMAGES
from mmssod.engine.preflight.data_checks import file_findings, is_json, json_of, leaves
from mmssod.engine.preflight.evaluator_checks import evaluator_problems
from mmssod.engine.preflight.key_checks import key_problems, parameters
from mmssod.engine.preflight.parts import find, part_problems, parts
from mmssod.environment.errors import InputError
from mmssod.structures import Problem

_COUNT_OTHER_THINGS = ('rpn_head', 'backbone', 'semantic')


def config_problems(cfg: Mapping[str, Any]) -> list[Problem]:
    """All problems a training config shows by itself, or by the files that it names; docs/bad_input.md lists them.

    Parts that are missing, or are objects instead of dicts, are not checked here.
    """
    classes = labeled_classes(cfg)
    problems = [
        *key_problems(cfg),
        *part_problems(cfg),
        *part_problems(cfg, 'file_problems'),
        *class_problems(cfg, classes),
        *data_findings(cfg).problems,
        *_other_class_problems(cfg, classes),
        *evaluator_problems(cfg, 'val', classes),
        *evaluator_problems(cfg, 'test', classes),
    ]
    return list({str(problem): problem for problem in problems}.values())


def data_findings(cfg: Mapping[str, Any]) -> Findings:
    """Problems and warnings of the labeled, validation and test sets' files.

    How many images are read is ``read_images`` of a hook, see ``PreflightHook``.
    """
    hooks = [part.node.get('read_images') for part in parts(cfg, ('default_hooks', 'custom_hooks'))]
    limit = next((images for images in hooks if isinstance(images, int)), READ_IMAGES)
    findings, seen = Findings(), []
    for name, dataset in {'labeled': _labeled(cfg), **_evaluated(cfg)}.items():
        for leaf in leaves(dataset):
            file, root = json_of(leaf)
            own = _classes(leaf) or _classes(dataset)
            if not own or not is_json(file):
                continue
            # Nearly always the test set is the validation set: its images are read once.
            read = 0 if leaf.get('backend_args') or dataset in seen else limit
            kept = {} if leaf.get('test_mode') else leaf.get('filter_cfg') or {}
            findings += file_findings(name, file, own, root, read, kept)
        seen.append(dataset)
    return findings


def labeled_classes(cfg: Mapping[str, Any]) -> tuple[str, ...]:
    """The classes that a training config learns: those of its labeled set; empty when they cannot be told."""
    return tuple(_classes(_labeled(cfg)))


def class_problems(cfg: Mapping[str, Any], classes: Sequence[str]) -> list[Problem]:
    """Numbers of classes that differ from that of the data, and ignored boxes that would be background.

    The classes are those that are trained, none where they cannot be told.
    """
    numbers: dict[str, Any] = {}
    for where, node, kind in parts(cfg, ['model']):
        if isinstance(kind, type) and issubclass(kind, nn.Module):
            parameter = (parameters(kind) or {}).get('num_classes')
            numbers[where] = node.get('num_classes', getattr(parameter, 'default', None))
    of_tokens = 'language_model' in str(cfg.get('model'))
    ignored = list(_ignored_problems(cfg))
    return ignored if of_tokens or not classes else [*number_problems(numbers, classes), *ignored]


def number_problems(numbers: Mapping[str, Any], classes: Sequence[str]) -> list[Problem]:
    """Modules, by name, whose ``num_classes`` is not that of the data; of an RPN or a backbone it is another thing."""
    wrong = [
        f'{where}: {number}'
        for where, number in numbers.items()
        if isinstance(number, int) and number != len(classes)
        if not any(part in where for part in _COUNT_OTHER_THINGS)
    ]
    problem = Problem(
        'num_classes of the model does not match the labeled set',
        f'{len(classes)} classes: {list(classes)}',
        ', '.join(wrong),
        'write the number of classes once (num_classes = ...) and use it in heads and balancer',
    )
    return [problem] if wrong else []


def _ignored_problems(cfg: Mapping[str, Any]) -> Iterator[Problem]:
    """Boxes that are to be ignored, and a detector that takes them for background."""
    data = parts(cfg, ['train_dataloader'])
    sets = [where for where, node, _ in data if node.get('iscrowd') == 'ignored']
    inside = list(parts(cfg, ['model'])) if sets else []
    assigners = [part for part in inside if part.where.endswith('assigner')]
    asked = [(p, getattr(p.kind, 'ignores_boxes', lambda _: False)) for p in assigners]
    deaf = [part for part, ignores in asked if not ignores(part.node.get('ignore_iof_thr', -1))]
    deaf += [part for part in inside if getattr(part.kind, 'mixes_images', False)]
    if sets and (deaf or not assigners):
        yield Problem(
            'the config ignores boxes that the detector would train as background',
            'assigners that ignore boxes (ignore_iof_thr above 0) all over the model, and no mixed images',
            ', '.join(f'{p.where}: {p.node["type"]}' for p in deaf) or 'no assigner',
            f"correct these parts, or set {sets[0]}.iscrowd to 'object' or 'background'",
        )


def _other_class_problems(cfg: Mapping[str, Any], classes: Sequence[str]) -> Iterator[Problem]:
    """One string for classes; sources beside the labeled one, or sets to evaluate on, that have others."""
    for leaf in leaves(_labeled(cfg)):
        text = (leaf.get('metainfo') or {}).get('classes')
        if isinstance(text, str) and not osp.isfile(text):
            what = 'labeled: classes are one string, whose letters would be the classes'
            fix = 'a tuple with one element needs a comma'
            yield Problem(what, f'a tuple: ({text!r},)', f'{text!r}, {len(text)} letters', fix)
    dataset = _dataset(cfg, 'train_dataloader')
    others = {
        f'source {name!r} has other classes than the labeled one': node
        for name, node in dataset.items()
        if 'labeled' in dataset
    }
    sets = {f'{name}: classes differ from those trained': n for name, n in _evaluated(cfg).items()}
    for what, node in {**others, **sets}.items():
        own = _classes(node)
        if own and classes and own != list(classes):
            fix = 'give it the metainfo=dict(classes=...) of the labeled set; unlabeled images need none'
            yield Problem(what, f'{list(classes)} (labeled set)', f'{own}', fix)


def _dataset(cfg: Mapping[str, Any], loader: str) -> Mapping[str, Any]:
    node = cfg.get(loader)
    dataset = node.get('dataset') if isinstance(node, Mapping) else None
    return dataset if isinstance(dataset, Mapping) else {}


def _evaluated(cfg: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _dataset(cfg, name) for name in ('val_dataloader', 'test_dataloader')}


def _labeled(cfg: Mapping[str, Any]) -> Any:
    dataset = _dataset(cfg, 'train_dataloader')
    return dataset['labeled'] if isinstance(dataset.get('labeled'), Mapping) else dataset


def _classes(dataset: Any) -> list[str]:
    """Classes that a data set config will have: its own, or its type's; none where they cannot be told."""
    leaf = next(leaves(dataset), {})
    classes = (leaf.get('metainfo') or {}).get('classes')
    if classes is None:
        classes = getattr(find(leaf.get('type'), [DATASETS]), 'METAINFO', {}).get('classes')
    if not isinstance(classes, str):
        return list(classes or ())
    try:
        return list(list_from_file(classes)) if osp.isfile(classes) else [classes]
    except UnicodeDecodeError as error:
        expected = 'expected names of classes in UTF-8'
        raise InputError(f'{classes}: {expected}, {error}: save it in that encoding') from error
