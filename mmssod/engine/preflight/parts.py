"""Finds the parts of a config and asks each for its own checks.

A part is any class that a config names with ``type``: a shipped one, a subclass, a user's own. It may have

* ``config_problems(node, cfg)``, static: problems, before anything is built; ``node`` is its own config, ``cfg`` all;
* ``file_problems(node, cfg)``, static: what is wrong with the files that it names;
* ``start_problems(node, cfg)``, static: weights that it lacks to start a training;
* ``config_warnings(node, cfg)``, static: sentences, for settings that are seldom intended;
* ``runtime_problems(runner)``, of a module of the model: problems that only what was built can show;
* ``cheap_to_build = True`` where making it touches no file and needs no other part, or else
  ``require_values(**values)``, static: a ``ValueError`` for values that are out of their range or of another type.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from mmdet import registry
from mmengine.registry import Registry
from mmengine.runner import Runner

from mmssod.engine.runner_access import bare_model
from mmssod.structures import Problem

_DATA = (registry.DATASETS, registry.DATA_SAMPLERS, registry.TRANSFORMS)
REGISTRIES: dict[str, tuple[Registry, ...]] = {
    'model': (registry.MODELS, registry.TASK_UTILS),
    'train_dataloader': _DATA,
    'val_dataloader': _DATA,
    'test_dataloader': _DATA,
    'val_evaluator': (registry.METRICS,),
    'test_evaluator': (registry.METRICS,),
    'default_hooks': (registry.HOOKS,),
    'custom_hooks': (registry.HOOKS,),
    'train_cfg': (registry.LOOPS,),
    'val_cfg': (registry.LOOPS,),
    'test_cfg': (registry.LOOPS,),
    'optim_wrapper': (registry.OPTIM_WRAPPERS, registry.OPTIMIZERS),
    'param_scheduler': (registry.PARAM_SCHEDULERS,),
    'log_processor': (registry.LOG_PROCESSORS,),
    'visualizer': (registry.VISUALIZERS, registry.VISBACKENDS),
}
"""Of a config's top level: the registries that the types below it are in."""

_TRAINED = ('model', 'train_dataloader', 'default_hooks', 'custom_hooks')


class Part(NamedTuple):
    """A dict with a ``type``: its dotted place, the dict, and what its type names, None for nothing."""

    where: str
    node: Mapping[str, Any]
    kind: Any


def parts(cfg: Mapping[str, Any], tops: Iterable[str] = REGISTRIES) -> Iterator[Part]:
    """All dicts with a ``type`` below these names of the top level; not those of layers (``norm_cfg``)."""
    for top in tops:
        for where, node in _typed(top, cfg.get(top)):
            yield Part(where, node, find(node['type'], REGISTRIES[top]))


def find(kind: Any, registries: Iterable[Registry]) -> Any:
    """The class of a ``type``, None if there is none in these registries."""
    if not isinstance(kind, str):
        return kind
    return next((found for each in registries if (found := each.get(kind))), None)


def part_problems(cfg: Mapping[str, Any], question: str = 'config_problems') -> list[Problem]:
    """What the parts of a training config find wrong with it, or answer to another question."""
    return [
        replace(problem, what=f'{where}: {problem.what}')
        for where, problem in _asked(question, cfg)
    ]


def part_warnings(cfg: Mapping[str, Any]) -> list[str]:
    """What the parts of a training config without problems want to be said."""
    return [warning for _, warning in _asked('config_warnings', cfg)]


def built_part_problems(runner: Runner) -> Iterator[Problem]:
    """What the modules of the model find wrong with a runner."""
    for module in bare_model(runner).modules():
        check = getattr(module, 'runtime_problems', None)
        yield from check(runner) if callable(check) else ()


def _asked(question: str, cfg: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for where, node, kind in parts(cfg, _TRAINED):
        for answer in getattr(kind, question, lambda *_: ())(node, cfg):
            yield where, answer


def _typed(where: str, node: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(node, Mapping):
        if 'type' in node:
            yield where, node
        for key, value in node.items():
            of_layers = key.endswith('_cfg') and key not in ('train_cfg', 'test_cfg')
            if not (of_layers and where.startswith('model')):
                yield from _typed(f'{where}.{key}', value)
    elif isinstance(node, (list, tuple)):
        for place, value in enumerate(node):
            yield from _typed(f'{where}[{place}]', value)
