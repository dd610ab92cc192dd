"""Keys, types and numbers of a config that what it builds does not know: all of them, with the ones that were meant.

mmengine builds part after part and stops at the first bad key, deep in a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import mmcv.ops
import mmdet.registry
from mmdet.registry import (
    DATA_SAMPLERS,
    DATASETS,
    HOOKS,
    LOG_PROCESSORS,
    LOOPS,
    METRICS,
    MODELS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    TASK_UTILS,
    TRANSFORMS,
    VISBACKENDS,
    VISUALIZERS,
)
from mmengine.registry import Registry

from mmssod.engine.preflight.signatures import parameters, wants_number
from mmssod.structures import Problem

# Parts of a config -> the registries that their types are in.
_DATA = (DATASETS, DATA_SAMPLERS, TRANSFORMS)
_PARTS: dict[str, tuple[Registry, ...]] = {
    'model': (MODELS, TASK_UTILS),
    'train_dataloader': _DATA,
    'val_dataloader': _DATA,
    'test_dataloader': _DATA,
    'val_evaluator': (METRICS,),
    'test_evaluator': (METRICS,),
    'default_hooks': (HOOKS,),
    'custom_hooks': (HOOKS,),
    'train_cfg': (LOOPS,),
    'val_cfg': (LOOPS,),
    'test_cfg': (LOOPS,),
    'optim_wrapper': (OPTIM_WRAPPERS, OPTIMIZERS),
    'param_scheduler': (PARAM_SCHEDULERS,),
    'log_processor': (LOG_PROCESSORS,),
    'visualizer': (VISUALIZERS, VISBACKENDS),
}
# Of a type -> keys that its builder takes out before the class is called; those of '' are of all.
_TAKEN_OUT: dict[str, set[str]] = {
    '': {'type', '_scope_', '_delete_', 'init_cfg', 'priority'},
    'param_scheduler': {'by_epoch', 'convert_to_iter_based'},
    'optim_wrapper': {'constructor', 'paramwise_cfg'},
}
_REGISTRIES = tuple(each for each in vars(mmdet.registry).values() if isinstance(each, Registry))


def key_problems(cfg: Mapping[str, Any]) -> list[Problem]:
    """Unknown types, unknown keys and text for numbers in every dict with a ``type``, wherever it lies in the parts."""
    scope = cfg.get('default_scope', 'mmdet')
    return [
        problem
        for part, registries in _PARTS.items()
        if part in cfg and scope == 'mmdet'
        for where, node in typed_nodes(part, cfg[part])
        for problem in _check(where, node, registries)
    ]


def typed_nodes(where: str, node: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Dicts with a ``type`` in a part of a config, with their dotted place; not those of layers (``norm_cfg``)."""
    if isinstance(node, Mapping):
        if 'type' in node:
            yield where, node
        for key, value in node.items():
            if not _is_of_layers(where, key):
                yield from typed_nodes(f'{where}.{key}', value)
    elif isinstance(node, (list, tuple)):
        for place, value in enumerate(node):
            yield from typed_nodes(f'{where}[{place}]', value)


def find(kind: Any, registries: Iterable[Registry]) -> Any:
    """The class of a ``type``, None if there is none in these registries."""
    if not isinstance(kind, str):
        return kind
    return next((found for each in registries if (found := each.get(kind))), None)


def name_problems(
    where: str,
    node: Mapping[str, Any],
    names: Iterable[str],
    owner: str,
    *,
    near_only: bool = False,
    cutoff: float = 0.6,
) -> Iterator[Problem]:
    """Keys that are not among the names.

    Args:
        where: dotted place of the dict.
        node: the dict.
        names: those that are known.
        owner: whose keys they are, for the message.
        near_only: report a key only if one of the names is like it.
        cutoff: how alike they must be, in [0, 1], see ``difflib``.
    """
    known = set(names)
    for key in sorted(node.keys() - known):
        near = difflib.get_close_matches(key, known, n=1, cutoff=cutoff)
        if near or not near_only:
            yield Problem(
                f'{where}: unknown key {key!r}' if where else f'unknown name {key!r}',
                f'keys of {owner}: {sorted(known)}' if not near_only else f'{owner}: {near[0]!r}',
                f'{key} = {str(node[key])[:80]}',
                f'did you mean {near[0]!r}?'
                if near
                else 'remove it; after a change of `type`, add _delete_=True',
            )


def number_problems(
    where: str, node: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[Problem]:
    """Text where a parameter is a number."""
    for key, value in node.items():
        if isinstance(value, str) and key in known and wants_number(known[key]):
            yield Problem(
                f'{where}.{key} is text', 'a number', f'{key} = {value!r}', 'write it as a number'
            )


def _check(
    where: str, node: Mapping[str, Any], registries: tuple[Registry, ...]
) -> Iterator[Problem]:
    kind = find(node['type'], registries)
    if kind is None:
        yield from _type_problems(where, node, registries)
        return
    known = parameters(kind)
    if known is None or _is_layer(where, kind):
        return
    taken_out = _TAKEN_OUT[''] | _TAKEN_OUT.get(where.partition('[')[0], set())
    rest = {key: value for key, value in node.items() if key not in taken_out}
    yield from name_problems(where, rest, known, getattr(kind, '__name__', str(kind)))
    yield from number_problems(where, rest, known)


def _type_problems(
    where: str, node: Mapping[str, Any], registries: tuple[Registry, ...]
) -> Iterator[Problem]:
    """A type that nobody knows; those of another scope, or that are no registry's, are for their own builders."""
    kind = node['type']
    is_class_name = isinstance(kind, str) and kind[:1].isupper() and '.' not in kind
    if not is_class_name or '_scope_' in node:
        return
    if hasattr(mmcv.ops, kind) or find(kind, _REGISTRIES) is not None:
        return
    names = [name for each in registries for name in _names(each)]
    near = difflib.get_close_matches(kind, names, n=1)
    yield Problem(
        f'{where}: unknown type {kind!r}',
        f'a class of the registries {", ".join(each.name for each in registries)}',
        f'type = {kind!r}',
        f'did you mean {near[0]!r}?'
        if near
        else 'correct the name, or add the module that registers it to custom_imports',
    )


def _names(registry: Registry | None) -> list[str]:
    return [] if registry is None else [*registry.module_dict, *_names(registry.parent)]


def _is_layer(where: str, kind: Any) -> bool:
    """Of mmcv or torch, in a model: what holds it takes some of its keys for itself."""
    return where.startswith('model') and kind.__module__.startswith(('mmcv.', 'torch.'))


def _is_of_layers(where: str, key: str) -> bool:
    layers = key.endswith('_cfg') and key not in ('train_cfg', 'test_cfg')
    return layers and where.startswith('model')
