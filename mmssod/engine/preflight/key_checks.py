"""Finds unknown keys, types and values in a config, all at once, and suggests the likely intended ones.

mmengine builds part after part and stops at the first one, deep in a traceback. What a class takes is its signature;
what code reads of a dict without a type are the names and texts in it.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import mmcv.ops
import mmdet.registry
import torch
from mmdet.registry import MODELS
from mmengine.dist import init_dist
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmengine.registry import Registry
from mmengine.runner import Runner
from mmengine.utils.dl_utils import set_multi_processing
from torch import nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.utils.data import DataLoader

from mmssod.engine.preflight.parts import REGISTRIES, find, parts
from mmssod.structures import Problem

# Of a part -> keys that its builder takes out before the class is called; those of '' are of all.
_TAKEN_OUT: dict[str, set[str]] = {
    '': {'type', '_scope_', '_delete_', 'init_cfg', 'priority'},
    'param_scheduler': {'by_epoch', 'convert_to_iter_based'},
    'optim_wrapper': {'constructor', 'paramwise_cfg'},
}
# Dicts without a type -> what reads them, and what the rest is handed to.
_READERS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    'train_dataloader': (Runner.build_dataloader, (DataLoader,)),
    'val_dataloader': (Runner.build_dataloader, (DataLoader,)),
    'test_dataloader': (Runner.build_dataloader, (DataLoader,)),
    'randomness': (None, (Runner.set_randomness,)),
    'auto_scale_lr': (Runner.scale_lr, ()),
    'env_cfg': (Runner.setup_env, ()),
    'env_cfg.mp_cfg': (None, (set_multi_processing,)),
    'env_cfg.dist_cfg': (None, (init_dist, torch.distributed.init_process_group)),
    'optim_wrapper.paramwise_cfg': (DefaultOptimWrapperConstructor, ()),
    'optim_wrapper.clip_grad': (OptimWrapper.__init__, (clip_grad_norm_,)),
}
# Keys of them that are numbers, though no signature says so.
_NUMBERS = ('base_batch_size', 'timeout')
_OF_NUMBERS = set(
    'int float None NoneType Optional Union torch Tensor Tuple tuple List list Sequence'.split()
)


def key_problems(cfg: Mapping[str, Any]) -> list[Problem]:
    """Unknown types, unknown keys, text for numbers, and values that the part which takes them refuses.

    Of names at the top level, and of settings of a detector (``train_cfg``, ``test_cfg``), only those that are nearly a
    known one.
    """
    found = [*_top_level_problems(cfg)]
    for place, (reader, takers) in _READERS.items():
        node: Any = cfg
        for key in place.split('.'):
            node = node.get(key) if hasattr(node, 'get') else None
        own = 'constructor' in (cfg.get('optim_wrapper') or {}) and place.endswith('paramwise_cfg')
        if isinstance(node, Mapping) and not own:
            found += _reader_problems(place, node, reader, takers)
    for part in parts(cfg):
        known = cfg.get('default_scope', 'mmdet') == 'mmdet'
        found += [*(_typed_problems(*part) if known else ())] or _refused_values(*part)
    return [*found, *_model_problems(cfg)]


def parameters(kind: Any) -> dict[str, inspect.Parameter] | None:
    """Parameters of a function or class; None if they cannot be known.

    A class that hands ``**kwargs`` on takes what any of its bases takes: which one gets them cannot be seen.
    """
    calls = [kind]
    if inspect.isclass(kind):
        calls = [vars(base)['__init__'] for base in kind.__mro__[:-1] if '__init__' in vars(base)]
    signatures = [inspect.signature(call).parameters.values() for call in calls]
    hand_on = [any(p.kind is p.VAR_KEYWORD for p in signature) for signature in signatures]
    if all(hand_on):
        return None
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {
        p.name: p
        for signature in reversed(signatures if hand_on[0] else signatures[:1])
        for p in signature
        if p.kind in named and p.name != 'self'
    }


@cache
def words(code: Any) -> frozenset[str]:
    """Names and texts in the code of a function, or of a class without its bases: what it may read of a dict."""
    if inspect.isclass(code):
        return frozenset().union(*map(words, filter(inspect.isroutine, vars(code).values())))
    code = inspect.unwrap(getattr(code, '__func__', code))
    code = getattr(code, '__code__', code)
    if not inspect.iscode(code):
        return frozenset()
    inner = [words(each) for each in code.co_consts if inspect.iscode(each)]
    texts = [each for each in code.co_consts if isinstance(each, str)]
    return frozenset(texts).union(code.co_names, code.co_varnames, *inner)


def _top_level_problems(cfg: Mapping[str, Any]) -> Iterator[Problem]:
    """Names that are nearly those of the runner, and that the config itself does not use."""
    known = {*(parameters(Runner) or ()), 'runner_type', 'custom_imports'}
    used = re.findall(r'\w+', getattr(cfg, 'text', None) or '')
    rest = {key: value for key, value in cfg.items() if used.count(key) < 2}
    yield from _unknown('', rest, known, 'what a run reads', cutoff=0.85)


def _reader_problems(
    place: str, node: Mapping[str, Any], reader: Any, takers: Iterable[Any]
) -> Iterator[Problem]:
    if node.get('type') == 'value':  # of clip_grad
        takers = (clip_grad_value_,)
    known = {name: p for each in takers for name, p in (parameters(each) or {}).items()}
    allowed = {*known, *(words(reader) if reader else ()), '_delete_'}
    for key in allowed.intersection(_NUMBERS):
        known[key] = inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=1)
    yield from _unknown(place, node, allowed, place)
    yield from _texts(place, node, known)


def _typed_problems(where: str, node: Mapping[str, Any], kind: Any) -> Iterator[Problem]:
    known = None if kind is None else parameters(kind)
    # What holds a layer, which is not of mmdet's own registry, takes some of its keys for itself.
    is_layer = where.startswith('model') and kind in MODELS.parent.module_dict.values()
    if kind is None and _is_unknown(node):
        registries = REGISTRIES[re.split(r'[.[]', where)[0]]
        names = [n for each in registries for r in (each, each.parent) for n in r.module_dict]
        near = difflib.get_close_matches(node['type'], names, n=1)
        yield Problem(
            f'{where}: unknown type {node["type"]!r}',
            f'a class of the registries {", ".join(each.name for each in registries)}',
            f'type = {node["type"]!r}',
            f'did you mean {near[0]!r}?'
            if near
            else 'correct the name, or add the module that registers it to custom_imports',
        )
    elif known is not None and not is_layer:
        taken_out = _TAKEN_OUT[''] | _TAKEN_OUT.get(where.partition('[')[0], set())
        rest = {key: value for key, value in node.items() if key not in taken_out}
        yield from _unknown(where, rest, known, getattr(kind, '__name__', str(kind)))
        yield from _texts(where, rest, known)


def _is_unknown(node: Mapping[str, Any]) -> bool:
    """Whether nobody knows a type; those of another scope, or that are no registry's, are for their own builders."""
    kind = node['type']
    is_class_name = isinstance(kind, str) and kind[:1].isupper() and '.' not in kind
    everywhere = (each for each in vars(mmdet.registry).values() if isinstance(each, Registry))
    theirs = not is_class_name or '_scope_' in node or hasattr(mmcv.ops, kind)
    return not theirs and find(kind, everywhere) is None


def _refused_values(where: str, node: Mapping[str, Any], kind: Any) -> list[Problem]:
    """What a part says of its values where it can be tried before anything is built."""
    known = (parameters(kind) if isinstance(kind, type) else None) or {}
    attempt = kind if getattr(kind, 'cheap_to_build', False) else None
    attempt = attempt or getattr(kind, 'require_values', None)
    if not known or attempt is None:
        return []
    values = {key: deepcopy(value) for key, value in node.items() if key not in _TAKEN_OUT['']}
    if attempt is kind and 'num_classes' in known:
        values.setdefault('num_classes', 1)  # the detector fills it in
    try:
        attempt(**values)
    except (ValueError, TypeError, AssertionError) as error:
        if 'required' in str(error):
            return []  # of what builds it
        what = f'{where}: {kind.__name__} got an invalid value'
        allowed = 'values of its documentation (docs/config_reference.md)'
        return [Problem(what, allowed, str(error), f'correct it below {where}')]
    except Exception:
        pass  # an unknown type inside, which is told of itself
    return []


def _model_problems(cfg: Mapping[str, Any]) -> Iterator[Problem]:
    """Keys below a detector's ``train_cfg`` or ``test_cfg`` that no code of its parts has, but a like one."""
    inside = list(parts(cfg, ['model']))
    for where, node, _ in inside:
        if 'train_cfg' in node or 'test_cfg' in node:
            kinds = [part.kind for part in inside if part.where.startswith(where)]
            bases = {base for kind in kinds if inspect.isclass(kind) for base in kind.__mro__}
            read = frozenset().union(*map(words, bases - {*nn.Module.__mro__}))
            for key in ('train_cfg', 'test_cfg') if read else ():
                yield from _setting_problems(f'{where}.{key}', node.get(key), read)


def _setting_problems(where: str, node: Any, read: frozenset[str]) -> Iterator[Problem]:
    if isinstance(node, (list, tuple)):
        for place, value in enumerate(node):
            yield from _setting_problems(f'{where}[{place}]', value, read)
    elif isinstance(node, Mapping) and 'type' not in node:
        yield from _unknown(where, node, read, 'what the model reads', cutoff=0.8)
        for key, value in node.items():
            yield from _setting_problems(f'{where}.{key}', value, read)


def _unknown(
    where: str, node: Mapping[str, Any], known: Iterable[str], owner: str, cutoff: float = 0.0
) -> Iterator[Problem]:
    """Keys that are not among the known ones; with a cutoff, in [0, 1], only those that are so much like one."""
    for key in sorted(node.keys() - set(known)):
        near = difflib.get_close_matches(key, known, n=1, cutoff=cutoff or 0.6)
        if cutoff and (not near or key.endswith(f'_{near[0]}')):
            continue
        yield Problem(
            f'{where}: unknown key {key!r}' if where else f'unknown name {key!r}',
            f'{owner}: {near[0]!r}' if cutoff else f'keys of {owner}: {sorted(known)}',
            f'{key} = {str(node[key])[:80]}',
            f'did you mean {near[0]!r}?'
            if near
            else 'remove it; after a change of `type`, add _delete_=True',
        )


def _texts(
    where: str, node: Mapping[str, Any], known: Mapping[str, inspect.Parameter]
) -> Iterator[Problem]:
    """Text where a parameter is a number and nothing else, by its annotation, or else by its default."""
    for key, value in node.items():
        if not isinstance(value, str) or key not in known:
            continue
        annotation = known[key].annotation
        if annotation is inspect.Parameter.empty:
            annotation = type(known[key].default)
        said = set(re.findall(r'\w+', inspect.formatannotation(annotation)))
        if said & {'int', 'float'} and said <= _OF_NUMBERS:
            what = f'{where}.{key} is text'
            yield Problem(what, 'a number', f'{key} = {value!r}', 'write it as a number')
