"""Checks that a checkpoint can be resumed, and reports differences in data and settings."""

from __future__ import annotations

import json
import os.path as osp
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Any

from mmengine.dist import get_world_size
from torch import nn

from mmssod.datasets.preparation import Findings
from mmssod.environment.data_configs import UnsafeConfigError, config_from_text
from mmssod.structures import Problem

MARKS = 'data_marks'
"""Where ``message_hub.runtime_info`` of a checkpoint has what :func:`data_marks` says."""

SHOWN = 8
_COMPARED = ('model', 'train_dataloader', 'optim_wrapper', 'param_scheduler', 'train_cfg')
_HOOKS = ('EMA', 'Ramp', 'Freeze')  # parts of the names of hooks that change what is trained
# Where data lie, how they are loaded and when is evaluated changes nothing; what the data are is in the marks.
_LEFT_OUT = (
    'data_root ann_file data_prefix images exclude backend_args num_workers persistent_workers prefetch_factor '
    'pin_memory timeout init_cfg checkpoint val_interval val_begin dynamic_intervals max_refetch'
).split()


def resume_problems(checkpoint: Mapping[str, Any]) -> list[Problem]:
    """What a checkpoint lacks to be resumed, such as a file that holds only weights."""
    meta = checkpoint.get('meta')
    meta = meta if isinstance(meta, Mapping) else {}
    lacks = [f'meta.{key}' for key in ('iter', 'epoch') if type(meta.get(key)) is not int]
    if not isinstance(checkpoint.get('message_hub'), Mapping):
        lacks.append('message_hub')
    found = 'weights alone' if len(lacks) == 3 else 'a part of that'
    problem = Problem(
        'a checkpoint that cannot be resumed',
        'one that a training wrote: weights, the iteration, the log, the state of the optimizer',
        f'{found}: without {", ".join(lacks)}',
        'to start a new training from its weights, name it with --load-from; to go on, name iter_N.pth of a run',
    )
    return [problem] if lacks else []


def data_marks(dataset: Any) -> dict[str, Any]:
    """Fingerprint of the data: per source its images, a digest of their names and ids, and of the labels."""
    marks: dict[str, Any] = {
        name: _source_marks(source)
        for name, source in (getattr(dataset, 'sources', None) or {'images': dataset}).items()
    }
    return {**marks, 'processes': get_world_size()}


def _source_marks(source: Any) -> dict[str, Any]:
    names, labels = sha256(), sha256()
    root = next(iter((getattr(source, 'data_prefix', None) or {}).values()), None) or ''
    count = len(source) if callable(getattr(source, 'get_data_info', None)) else 0
    for index in range(count):
        info = source.get_data_info(index)
        path = str(info.get('img_path') or '')
        name = path.removeprefix(root).lstrip('/') if root else osp.basename(path)
        keys = ('bbox_label', 'ignore_flag', 'bbox')
        boxes = [[each.get(key) for key in keys] for each in info.get('instances') or ()]
        names.update(json.dumps([info.get('img_id'), name], default=str).encode())
        labels.update(json.dumps(boxes, default=str).encode())
    return dict(images=count, names=names.hexdigest(), labels=labels.hexdigest())


def resume_findings(
    model: nn.Module, cfg: Mapping[str, Any], now: Mapping[str, Any], checkpoint: Mapping[str, Any]
) -> Findings:
    """How data and settings differ from those of the checkpoint that is resumed, a warning.

    Where a memory of pseudo labels would give images the boxes of others, it is a problem. What the run trains on
    ``now`` are its :func:`data_marks`.
    """
    info = (checkpoint.get('message_hub') or {}).get('runtime_info') or {}
    stored = info.get(MARKS) if isinstance(info, Mapping) else None
    data = list(_data_differences(stored, now)) if isinstance(stored, Mapping) else []
    lines = [*data, *_setting_differences((checkpoint.get('meta') or {}).get('cfg'), cfg)]
    moved = [line for line in data if 'names' in line and not line.startswith('labeled')]
    problem = Problem(
        'the memory of pseudo labels is of other images',
        'the unlabeled images of the run that is resumed, by the same names and ids',
        '; '.join(moved),
        'resume with these images, or begin a new run in another work directory',
    )
    remembers = any(getattr(part, 'remembers_images', False) for part in model.modules())
    more = f'; and {len(lines) - SHOWN} more' if len(lines) > SHOWN else ''
    warning = (
        'resumed with other data or settings than the checkpoint was trained with: '
        f'{"; ".join(lines[:SHOWN])}{more}. The run goes on with those of this config; the state of the '
        "optimizer, its learning rate among it, and the counts of classes are the checkpoint's"
    )
    return Findings(
        warnings=(warning,) if lines else (), problems=(problem,) if moved and remembers else ()
    )


def _data_differences(stored: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys([*stored, *now]):
        old, new = stored.get(name), now.get(name)
        if not isinstance(old, Mapping) or not isinstance(new, Mapping):
            if old != new:
                yield f'{name}: {_short(old)} -> {_short(new)}'
            continue
        said = dict(
            images=f'{old.get("images")} -> {new["images"]} images',
            names='other names, ids or order',
            labels='other labels',
        )
        if parts := [text for key, text in said.items() if old.get(key) != new[key]]:
            yield f'{name}: {", ".join(parts)}'


def _setting_differences(text: Any, cfg: Mapping[str, Any]) -> Iterator[str]:
    before: dict[str, Any] = {}
    if isinstance(text, str):
        with suppress(UnsafeConfigError):
            before = dict(_flat(_settings(config_from_text(text))))
    now = dict(_flat(_settings(cfg))) if before else {}
    for key in dict.fromkeys([*before, *now]):
        if before.get(key) != now.get(key):
            yield f'{key}: {_short(before.get(key))} -> {_short(now.get(key))}'


def _settings(cfg: Mapping[str, Any]) -> dict[str, Any]:
    hooks = [hook for hook in cfg.get('custom_hooks') or () if isinstance(hook, Mapping)]
    named = {str(hook.get('type')): hook for hook in hooks}
    moving = {kind: hook for kind, hook in named.items() if any(word in kind for word in _HOOKS)}
    return {**{key: cfg.get(key) for key in _COMPARED}, 'custom_hooks': moving}


def _flat(node: Any, where: str = '') -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key not in _LEFT_OUT:
                yield from _flat(value, f'{where}.{key}' if where else str(key))
    elif isinstance(node, (list, tuple)) and any(isinstance(part, Mapping) for part in node):
        for place, value in enumerate(node):
            yield from _flat(value, f'{where}[{place}]')
    else:
        yield where, list(node) if isinstance(node, tuple) else node


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + '...'
