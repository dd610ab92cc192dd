"""Do the heads of a config agree with the classes of its data, and its assigners with the boxes to be ignored?"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmdet.registry import MODELS, TASK_UTILS
from torch import nn

from mmssod.engine.preflight.key_checks import find, typed_nodes
from mmssod.engine.preflight.signatures import parameters
from mmssod.structures import Problem

_COUNT_OTHER_THINGS = ('rpn_head', 'backbone', 'semantic')


def class_problems(cfg: Mapping[str, Any], classes: Sequence[str]) -> list[Problem]:
    """Numbers of classes that differ from that of the data, and ignored boxes that would be background.

    Args:
        cfg: a training config.
        classes: those that are trained; empty where they cannot be told.
    """
    return [*_class_problems(cfg, classes), *_ignored_problems(cfg)]


def counts_other_things(name: str) -> bool:
    """Whether ``num_classes`` of a module of this name is not that of the data set."""
    return any(part in name for part in _COUNT_OTHER_THINGS)


def _class_problems(cfg: Mapping[str, Any], classes: Sequence[str]) -> Iterator[Problem]:
    if 'language_model' in str(cfg.get('model')):  # num_classes is then a number of tokens
        return
    wrong = {
        where: number
        for where, number in _class_numbers(cfg.get('model'))
        if number != len(classes) and not counts_other_things(where)
    }
    if wrong and classes:
        yield Problem(
            'the model counts other classes than the labeled set has',
            f'{len(classes)} classes: {list(classes)}',
            ', '.join(f'{where}: {number}' for where, number in wrong.items()),
            'write the number of classes once (num_classes = ...) and use it in heads and balancer',
        )


def _ignored_problems(cfg: Mapping[str, Any]) -> Iterator[Problem]:
    """Boxes that are to be ignored, and a detector that takes them for background."""
    sets = [
        where
        for where, node in typed_nodes('train_dataloader', cfg.get('train_dataloader'))
        if node.get('iscrowd') == 'ignored'
    ]
    if not sets:
        return
    parts = list(typed_nodes('model', cfg.get('model')))
    assigners = [(where, node) for where, node in parts if where.endswith('assigner')]
    deaf = [f'{where}: {node["type"]}' for where, node in assigners if not _ignores(node)]
    deaf += [
        f'{where}: {node["type"]}'
        for where, node in parts
        if getattr(find(node['type'], (MODELS,)), 'mixes_images', False)
    ]
    if deaf or not assigners:
        yield Problem(
            'boxes are to be ignored, and the detector would train them as background',
            "type='BestBoxAssigner' with ignore_iof_thr above 0 in all assigners of the model, and no mixed images",
            ', '.join(deaf) or 'no assigner',
            f"correct these parts, or set {sets[0]}.iscrowd to 'object' or 'background'",
        )


def _ignores(assigner: Mapping[str, Any]) -> bool:
    """Whether a part of this config says of itself that it leaves such boxes out."""
    ask = getattr(find(assigner['type'], (TASK_UTILS,)), 'ignores_boxes', None)
    return ask is not None and ask(assigner.get('ignore_iof_thr', -1))


def _class_numbers(model: Any) -> Iterator[tuple[str, int]]:
    """``num_classes`` of each module, written or its default."""
    for where, node in typed_nodes('model', model):
        kind = find(node['type'], (MODELS,))
        if not (inspect.isclass(kind) and issubclass(kind, nn.Module)):
            continue
        parameter = (parameters(kind) or {}).get('num_classes')
        number = node.get('num_classes', getattr(parameter, 'default', None))
        if isinstance(number, int):
            yield where, number
