"""What mmengine's runner reads by itself: top-level names, loaders, surroundings, seeds, the scale of the rate."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import torch
from mmengine.dist import init_dist
from mmengine.optim import DefaultOptimWrapperConstructor
from mmengine.registry import Registry
from mmengine.runner import Runner
from mmengine.utils.dl_utils import set_multi_processing
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.utils.data import DataLoader

from mmssod.engine.preflight.key_checks import (
    find,
    name_problems,
    number_problems,
    typed_nodes,
)
from mmssod.engine.preflight.signatures import names_read, parameters, words
from mmssod.own_configs import configs_folder
from mmssod.structures import Problem

# Known only to those who know the builders; all others come from signatures and sources.
_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
_NEAR = 0.85  # helper variables of a config may be called as they like


def runner_problems(cfg: Mapping[str, Any]) -> list[Problem]:
    """Unknown keys, and text for numbers, in the parts without a ``type``; top-level names that are nearly known ones.

    Args:
        cfg: a training config.
    """
    return [
        *_top_level_problems(cfg),
        *(problem for part in _parts(cfg) for problem in _check(*part)),
        *_model_cfg_problems(cfg.get('model')),
    ]


def _parts(cfg: Mapping[str, Any]) -> Iterator[tuple[str, Any, set[str], Mapping[str, Any]]]:
    """Place, dict, names that its reader takes out first, parameters of what it is handed to."""
    for loader in _LOADERS:
        taken_out = names_read(Runner.build_dataloader, 'dataloader_cfg')
        yield loader, cfg.get(loader), taken_out, parameters(DataLoader) or {}
    yield 'randomness', cfg.get('randomness'), set(), parameters(Runner.set_randomness) or {}
    scale = names_read(Runner.scale_lr, 'auto_scale_lr')
    number = inspect.Parameter('_', inspect.Parameter.KEYWORD_ONLY, default=1)
    yield 'auto_scale_lr', cfg.get('auto_scale_lr'), scale, dict(base_batch_size=number)
    env = cfg.get('env_cfg')
    yield 'env_cfg', env, names_read(Runner.setup_env, 'env_cfg'), {}
    if isinstance(env, Mapping):
        group = inspect.signature(torch.distributed.init_process_group).parameters
        start = inspect.signature(init_dist).parameters
        seconds = dict(timeout=number)  # which mmengine makes a timedelta of
        yield 'env_cfg.mp_cfg', env.get('mp_cfg'), set(), parameters(set_multi_processing) or {}
        yield 'env_cfg.dist_cfg', env.get('dist_cfg'), set(), {**start, **group, **seconds}
    wrapper = cfg.get('optim_wrapper')
    if isinstance(wrapper, Mapping):
        paramwise = names_read(DefaultOptimWrapperConstructor, r'paramwise_cfg')
        if 'constructor' not in wrapper:
            yield 'optim_wrapper.paramwise_cfg', wrapper.get('paramwise_cfg'), paramwise, {}
        clip = wrapper.get('clip_grad')
        by_value = isinstance(clip, Mapping) and clip.get('type') == 'value'
        known = inspect.signature(clip_grad_value_ if by_value else clip_grad_norm_).parameters
        yield 'optim_wrapper.clip_grad', clip, {'type'}, known


def _check(
    where: str, node: Any, taken_out: set[str], known: Mapping[str, Any]
) -> Iterator[Problem]:
    if isinstance(node, Mapping):
        yield from name_problems(where, node, {*taken_out, *known, '_delete_'}, where)
        yield from number_problems(where, node, known)


# ---------------------------------------------------------------- the top level


def _top_level_problems(cfg: Mapping[str, Any]) -> Iterator[Problem]:
    """Names that are nearly those of the runner, and that the config itself does not use."""
    wanted = {*(parameters(Runner) or ()), 'runner_type', 'custom_imports'}
    used = re.findall(r'\w+', getattr(cfg, 'text', None) or '')
    known = wanted | shipped_names()
    unused = {key: value for key, value in cfg.items() if key in known or used.count(key) < 2}
    for key in sorted(unused.keys() - known):
        yield from name_problems(
            '', {key: cfg[key]}, wanted, 'what a run reads', near_only=True, cutoff=_NEAR
        )


@cache
def shipped_names() -> frozenset[str]:
    """Names at the top level of mmssod's own base configs."""
    names: set[str] = set()
    for file in (configs_folder() / '_base_').rglob('*.py'):
        for node in ast.parse(file.read_text(encoding='utf-8')).body:
            for target in node.targets if isinstance(node, ast.Assign) else ():
                names |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
    return frozenset(names)


# ---------------------------------------------------------------- train_cfg and test_cfg of a detector


def _model_cfg_problems(model: Any) -> Iterator[Problem]:
    """Keys below a detector's ``train_cfg`` or ``test_cfg`` that no code of the model has, but a like one."""
    for where, node in typed_nodes('model', model):
        settings = [(f'{where}.{key}', node.get(key)) for key in ('train_cfg', 'test_cfg')]
        if not any(isinstance(value, Mapping) for _, value in settings):
            continue
        code = _code_of(where, node)
        if not code:
            continue
        read = frozenset().union(*(names_read(each, r'cfg') for each in code))
        seen = frozenset().union(*(words(each) for each in code))
        for place, value in settings:
            yield from _settings_problems(place, value, read, seen)


def _code_of(where: str, node: Mapping[str, Any]) -> set[type]:
    """Classes of a detector's parts with their bases."""
    from mmdet.registry import MODELS

    registries: Iterable[Registry] = (MODELS,)
    kinds = [find(part['type'], registries) for _, part in typed_nodes(where, node)]
    return {
        base
        for kind in kinds
        if inspect.isclass(kind)
        for base in kind.__mro__
        if base.__module__.partition('.')[0] not in ('torch', 'builtins', 'abc')
    }


def _settings_problems(
    where: str, node: Any, read: frozenset[str], seen: frozenset[str]
) -> Iterator[Problem]:
    if isinstance(node, (list, tuple)):
        for place, value in enumerate(node):
            yield from _settings_problems(f'{where}[{place}]', value, read, seen)
    elif isinstance(node, Mapping) and 'type' not in node:
        unseen = {key: value for key, value in node.items() if key not in seen}
        yield from name_problems(
            where, unseen, read, 'what the model reads', near_only=True, cutoff=0.8
        )
        for key, value in node.items():
            yield from _settings_problems(f'{where}.{key}', value, read, seen)
