"""What parts say of themselves: each knows best what it needs of a config, and of what is built from it.

A part is any class that a config names with ``type``: a shipped one, a subclass, a user's own. It may have

* ``config_problems(node, cfg)``, static: problems, before anything is built; ``node`` is its own config, ``cfg`` all;
* ``config_warnings(node, cfg)``, static: sentences, for what may be meant and seldom is;
* ``runtime_problems(runner)``, of a module of the model: problems that only what was built can show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mmdet.registry import DATA_SAMPLERS, DATASETS, HOOKS, MODELS, TASK_UTILS, TRANSFORMS
from mmengine.runner import Runner

from mmssod.engine.preflight.key_checks import find, typed_nodes
from mmssod.engine.runner_access import bare_model
from mmssod.structures import Problem

_PARTS = ('model', 'train_dataloader', 'default_hooks', 'custom_hooks')
_REGISTRIES = (MODELS, TASK_UTILS, DATA_SAMPLERS, DATASETS, TRANSFORMS, HOOKS)


def part_problems(cfg: Mapping[str, Any]) -> list[Problem]:
    """What the parts of a training config find wrong with it."""
    return list(_asked('config_problems', cfg))


def part_warnings(cfg: Mapping[str, Any]) -> list[str]:
    """What the parts of a training config without problems want to be said."""
    return list(_asked('config_warnings', cfg))


def built_part_problems(runner: Runner) -> Iterator[Problem]:
    """What the modules of the model find wrong with a runner."""
    for module in bare_model(runner).modules():
        check = getattr(module, 'runtime_problems', None)
        yield from check(runner) if callable(check) else ()


def _asked(question: str, cfg: Mapping[str, Any]) -> Iterator[Any]:
    for part in _PARTS:
        for _, node in typed_nodes(part, cfg.get(part)):
            kind = find(node['type'], _REGISTRIES)
            answer: Iterable[Any] = getattr(kind, question, lambda *_: ())(node, cfg)
            yield from answer
