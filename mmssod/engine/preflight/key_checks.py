"""Keys of a config that what it builds does not know: all of them, with the ones that were meant.

mmengine builds part after part and stops at the first bad key, deep in a traceback.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from mmdet.registry import (
    DATA_SAMPLERS,
    DATASETS,
    HOOKS,
    LOOPS,
    METRICS,
    MODELS,
    PARAM_SCHEDULERS,
    TASK_UTILS,
    TRANSFORMS,
)

from mmssod.structures import Problem

# Parts of a config -> the registries that their types are in. Other parts have builders with rules of their own.
_PARTS = {
    'model': (MODELS, TASK_UTILS),
    'train_dataloader': (DATASETS, DATA_SAMPLERS, TRANSFORMS),
    'val_dataloader': (DATASETS, DATA_SAMPLERS, TRANSFORMS),
    'test_dataloader': (DATASETS, DATA_SAMPLERS, TRANSFORMS),
    'val_evaluator': (METRICS,),
    'test_evaluator': (METRICS,),
    'default_hooks': (HOOKS,),
    'custom_hooks': (HOOKS,),
    'train_cfg': (LOOPS,),
    'param_scheduler': (PARAM_SCHEDULERS,),
}
# Taken out by mmengine before the class is called.
_COMMON = {
    'type',
    '_scope_',
    '_delete_',
    'init_cfg',
    'priority',
    'by_epoch',
    'convert_to_iter_based',
}


def key_problems(cfg: Mapping[str, Any]) -> list[Problem]:
    """Unknown keys of every dict with a ``type``, wherever it lies in the parts above."""
    return [
        problem
        for part, registries in _PARTS.items()
        if part in cfg
        for problem in _walk(part, cfg[part], registries)
    ]


def _walk(where: str, node: Any, registries: tuple[Any, ...]) -> Iterator[Problem]:
    if isinstance(node, Mapping):
        if isinstance(node.get('type'), str):
            yield from _check(where, node, registries)
        for key, value in node.items():
            if key.endswith('_cfg') and where.startswith('model'):
                continue  # layers, and settings of training and test, with builders of their own
            yield from _walk(f'{where}.{key}', value, registries)
    elif isinstance(node, (list, tuple)):
        for place, value in enumerate(node):
            yield from _walk(f'{where}[{place}]', value, registries)


def _check(where: str, node: Mapping[str, Any], registries: tuple[Any, ...]) -> Iterator[Problem]:
    kind = next((found for r in registries if (found := r.get(node['type']))), None)
    names = _parameters(kind)
    if names is None:
        return
    for key in node.keys() - names - _COMMON:
        near = difflib.get_close_matches(key, names, n=1)
        yield Problem(
            f'{where}: unknown key {key!r}',
            f'keys of {node["type"]}: {sorted(names)}',
            f'{key} = {str(node[key])[:80]}',
            f'did you mean {near[0]!r}?'
            if near
            else 'remove it; after a change of `type`, add _delete_=True',
        )


def _parameters(kind: Any) -> set[str] | None:
    """Names that a class takes, through ``**kwargs`` up to its bases; None if they cannot be known."""
    if not inspect.isclass(kind):
        return None
    names: set[str] = set()
    for base in kind.__mro__:
        if '__init__' not in vars(base):
            continue
        parameters = inspect.signature(vars(base)['__init__']).parameters.values()
        names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return names - {'self'}
    return None
