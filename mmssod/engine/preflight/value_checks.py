"""Values of a config that the parts which take them refuse: all of them, before anything is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from mmdet.registry import HOOKS, MODELS, TASK_UTILS

from mmssod.structures import Problem

# Parts that cost nothing to make, touch no file and need no other part; each says itself what it takes.
_CHEAP: dict[str, Any] = {
    'ClassBalancer': MODELS,
    'ThresholdSelector': MODELS,
    'SoftSelector': MODELS,
    'SideBucketCoder': TASK_UTILS,
    'EMATeacherHook': HOOKS,
    'ClassBalanceHook': HOOKS,
    'PseudoLabelHook': HOOKS,
    'NonFiniteGuardHook': HOOKS,
    'SkippedImagesHook': HOOKS,
    'PreflightHook': HOOKS,
}
_PARTS = ('model', 'default_hooks', 'custom_hooks')
_COMMON = ('type', '_scope_', '_delete_', 'priority')


def value_problems(cfg: Mapping[str, Any]) -> list[Problem]:
    """Thresholds, decays, numbers of buckets, policies and limits that are out of their range or of another type.

    Args:
        cfg: a config. Unknown keys are for ``key_problems``.
    """
    return [problem for part in _PARTS if part in cfg for problem in _walk(part, cfg[part])]


def _walk(where: str, node: Any) -> Iterator[Problem]:
    if isinstance(node, Mapping):
        if isinstance(node.get('type'), str) and node['type'] in _CHEAP:
            yield from _try(where, node)
        for key, value in node.items():
            yield from _walk(f'{where}.{key}', value)
    elif isinstance(node, (list, tuple)):
        for place, value in enumerate(node):
            yield from _walk(f'{where}[{place}]', value)


def _try(where: str, node: Mapping[str, Any]) -> Iterator[Problem]:
    kind = _CHEAP[node['type']].get(node['type'])
    values = {key: deepcopy(value) for key, value in node.items() if key not in _COMMON}
    if node['type'] == 'ClassBalancer':
        values.setdefault('num_classes', 1)  # the detector fills it in
    try:
        kind(**values)
    except (ValueError, TypeError) as error:
        if 'unexpected keyword' in str(error) or 'required' in str(error):
            return  # of key_problems
        yield Problem(
            f'{where}: {node["type"]} refuses a value',
            'values of its documentation (docs/config_reference.md)',
            str(error),
            f'correct it below {where}',
        )
