"""Values of a config that the parts which take them refuse: all of them, before anything is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from mmdet.registry import DATASETS, HOOKS, MODELS, TASK_UTILS, TRANSFORMS

from mmssod.engine.preflight.key_checks import find, number_problems, typed_nodes
from mmssod.engine.preflight.signatures import parameters
from mmssod.structures import Problem

_REGISTRIES = (MODELS, TASK_UTILS, HOOKS, TRANSFORMS, DATASETS)
_PARTS = ('model', 'train_dataloader', 'default_hooks', 'custom_hooks')
_COMMON = ('type', '_scope_', '_delete_', 'priority')


def value_problems(cfg: Mapping[str, Any]) -> list[Problem]:
    """Thresholds, decays, numbers of buckets, policies and limits that are out of their range or of another type.

    A part says how: ``cheap_to_build = True`` where making it touches no file and needs no other part, else perhaps a
    ``require_values(**values)`` that raises a ``ValueError``. Parts that have neither are not tried.

    Args:
        cfg: a config. Unknown keys, and text for numbers, are for ``key_problems``.
    """
    return [
        problem
        for part in _PARTS
        for where, node in typed_nodes(part, cfg.get(part))
        for problem in _try(where, node)
    ]


def _try(where: str, node: Mapping[str, Any]) -> Iterator[Problem]:
    kind: Any = find(node['type'], _REGISTRIES)
    known = parameters(kind) if isinstance(kind, type) else None
    values = {key: deepcopy(value) for key, value in node.items() if key not in _COMMON}
    if known is None or values.keys() - known.keys() or [*number_problems('', values, known)]:
        return  # of key_problems
    attempt = (
        kind if getattr(kind, 'cheap_to_build', False) else getattr(kind, 'require_values', None)
    )
    if attempt is None:
        return
    if attempt is kind and 'num_classes' in known:
        values.setdefault('num_classes', 1)  # the detector fills it in
    try:
        attempt(**values)
    except (ValueError, TypeError, AssertionError) as error:
        if 'required' in str(error):
            return  # of what builds it
        yield Problem(
            f'{where}: {kind.__name__} refuses a value',
            'values of its documentation (docs/config_reference.md)',
            str(error),
            f'correct it below {where}',
        )
    except Exception:
        return  # an unknown type inside, which is among key_problems
