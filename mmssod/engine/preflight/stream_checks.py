"""Do loader, sampler, loop, burn-in and heads of a config agree with the sources and the classes of its data?"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from mmdet.registry import DATA_SAMPLERS, DATASETS, HOOKS, LOOPS, MODELS, TASK_UTILS
from mmengine.registry import Registry
from mmengine.runner import EpochBasedTrainLoop
from torch import nn

from mmssod.datasets import SemiDataset, SourceSampler
from mmssod.datasets.samplers import count_faults, start_faults
from mmssod.engine.hooks.ema_teacher_hook import EMATeacherHook
from mmssod.engine.preflight.key_checks import typed_nodes
from mmssod.engine.preflight.signatures import parameters
from mmssod.models.assigners import BestBoxAssigner
from mmssod.models.pseudo.mixers import PairMixer
from mmssod.structures import Problem

_COUNT_OTHER_THINGS = ('rpn_head', 'backbone', 'semantic')


def stream_problems(cfg: Mapping[str, Any], classes: Sequence[str]) -> list[Problem]:
    """What of a config contradicts itself: counts and sources, batch, loop, burn-in, numbers of classes, ignored boxes.

    Args:
        cfg: a training config.
        classes: those that are trained; empty where they cannot be told.
    """
    return [
        *_source_problems(cfg),
        *_batch_problems(cfg),
        *_loop_problems(cfg),
        *_burn_in_problems(cfg),
        *_class_problems(cfg, classes),
        *_ignored_problems(cfg),
    ]


def counts_other_things(name: str) -> bool:
    """Whether ``num_classes`` of a module of this name is not that of the data set."""
    return any(part in name for part in _COUNT_OTHER_THINGS)


def _is(node: Any, registry: Registry, kind: type) -> TypeGuard[Mapping[str, Any]]:
    found = _type(node, registry) if isinstance(node, Mapping) else None
    return inspect.isclass(found) and issubclass(found, kind)


def _loader(cfg: Mapping[str, Any]) -> Mapping[str, Any]:
    loader = cfg.get('train_dataloader')
    return loader if isinstance(loader, Mapping) else {}


def _type(node: Mapping[str, Any], registry: Registry) -> Any:
    name = node.get('type')
    return registry.get(name) if isinstance(name, str) else name


def _sampler(cfg: Mapping[str, Any]) -> Mapping[str, Any]:
    """The sampler's config if it draws by source, else an empty one."""
    sampler: Any = _loader(cfg).get('sampler')
    return sampler if _is(sampler, DATA_SAMPLERS, SourceSampler) else {}


def _shares(sampler: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """What the sampler says of each source: its key, and the numbers."""
    key = getattr(_type(sampler, DATA_SAMPLERS), 'shares', 'counts')
    value = sampler.get(key)
    return key, value if isinstance(value, Mapping) else {}


def _sources(cfg: Mapping[str, Any]) -> list[str]:
    dataset: Any = _loader(cfg).get('dataset')
    if not _is(dataset, DATASETS, SemiDataset):
        return []
    own = {'type', '_scope_', '_delete_', *inspect.signature(SemiDataset).parameters} - {'labeled'}
    return [name for name, value in dataset.items() if name not in own and value is not None]


def _source_problems(cfg: Mapping[str, Any]) -> Iterator[Problem]:
    sampler, names = _sampler(cfg), _sources(cfg)
    key, shares = _shares(sampler)
    if not names or not shares:
        return
    if 'labeled' not in names:
        yield Problem(
            'no labeled images',
            "a source named 'labeled'",
            f'sources {names}',
            "dataset=dict(type='SemiDataset', labeled=dict(...), unlabeled=dict(...))",
        )
    start = sampler.get('start') or {}
    for what, given, faults in (
        (key, shares, count_faults(shares, names, key)),
        ('start', start, start_faults(start, names)),
    ):
        for fault in faults:
            yield Problem(
                fault,
                f'{what} for the sources {names}',
                f'train_dataloader.sampler.{what}={dict(given)}',
                f'correct train_dataloader.sampler.{what}, or the sources of train_dataloader.dataset',
            )


def _batch_problems(cfg: Mapping[str, Any]) -> Iterator[Problem]:
    sampler, given = _sampler(cfg), _loader(cfg).get('batch_size', 1)
    key, shares = _shares(sampler)
    parts = [sampler.get('images')] if key == 'repeats' else list(shares.values())
    wanted = sum(part for part in parts if isinstance(part, int))
    if parts and wanted and isinstance(given, int) and given != wanted:
        pooled = f'train_dataloader.sampler.images={wanted}'
        yield Problem(
            "the loader's batch size is not the sum of the sampler's counts",
            f'train_dataloader.batch_size={wanted}, '
            + (pooled if key == 'repeats' else f'the sum of {dict(shares)}'),
            f'train_dataloader.batch_size={given}',
            'set train_dataloader.batch_size and train_dataloader.sampler.counts together',
        )


def _loop_problems(cfg: Mapping[str, Any]) -> Iterator[Problem]:
    loop = cfg.get('train_cfg')
    if not isinstance(loop, Mapping) or not _sampler(cfg):
        return
    if _is(loop, LOOPS, EpochBasedTrainLoop) or ('type' not in loop and loop.get('by_epoch')):
        yield Problem(
            'an epoch loop over a stream that has no epochs',
            "train_cfg=dict(type='IterBasedTrainLoop', max_iters=..., val_interval=...)",
            str(dict(loop)),
            'labeled and unlabeled images come in fixed shares without end: count iterations',
        )


def _burn_in_problems(cfg: Mapping[str, Any]) -> Iterator[Problem]:
    burn_in = burn_in_of(cfg)
    start = _sampler(cfg).get('start') or {}
    for name, first in start.items() if isinstance(start, Mapping) else ():
        if isinstance(first, int) and first != burn_in:
            yield Problem(
                f'images of the source {name} and labels for them begin at different iterations',
                f'train_dataloader.sampler.start.{name}={burn_in}, the burn_in of EMATeacherHook'
                if burn_in
                else f'no train_dataloader.sampler.start.{name}, since no EMATeacherHook has a burn_in',
                f'train_dataloader.sampler.start.{name}={first}',
                'change both numbers together',
            )


def burn_in_of(cfg: Mapping[str, Any]) -> int:
    """Iterations without pseudo labels: those of the hook of the teacher, if there is one."""
    hooks = [
        *typed_nodes('default_hooks', cfg.get('default_hooks')),
        *typed_nodes('custom_hooks', cfg.get('custom_hooks')),
    ]
    numbers = [hook.get('burn_in', 0) for _, hook in hooks if _is(hook, HOOKS, EMATeacherHook)]
    return max((number for number in numbers if isinstance(number, int)), default=0)


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
    deaf += [f'{where}: {node["type"]}' for where, node in parts if _is(node, MODELS, PairMixer)]
    if deaf or not assigners:
        yield Problem(
            'boxes are to be ignored, and the detector would train them as background',
            "type='BestBoxAssigner' with ignore_iof_thr above 0 in all assigners of the model, and no mixed images",
            ', '.join(deaf) or 'no assigner',
            f"correct these parts, or set {sets[0]}.iscrowd to 'object' or 'background'",
        )


def _ignores(assigner: Mapping[str, Any]) -> bool:
    share = assigner.get('ignore_iof_thr', -1)
    return (
        _is(assigner, TASK_UTILS, BestBoxAssigner) and isinstance(share, (int, float)) and share > 0
    )


def _class_numbers(model: Any) -> Iterator[tuple[str, int]]:
    """``num_classes`` of each module, written or its default."""
    for where, node in typed_nodes('model', model):
        if not _is(node, MODELS, nn.Module):
            continue
        kind = MODELS.get(node['type']) if isinstance(node['type'], str) else node['type']
        parameter = (parameters(kind) or {}).get('num_classes')
        number = node.get('num_classes', getattr(parameter, 'default', None))
        if isinstance(number, int):
            yield where, number
