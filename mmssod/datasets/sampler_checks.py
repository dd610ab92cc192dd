"""Checks that a config gives the sampler the sources, batch sizes and loop that it needs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from mmdet.registry import DATASETS, LOOPS
from mmengine.registry import Registry
from mmengine.runner import EpochBasedTrainLoop

from mmssod.datasets.semi import SemiDataset
from mmssod.structures import Problem


def source_problems(
    key: str, shares: Mapping[str, Any], names: list[str], faults: list[str]
) -> Iterator[Problem]:
    """No labeled source among ``names``, and what is wrong with ``shares``, the sampler's numbers by source."""
    if 'labeled' not in names:
        fix = "dataset=dict(type='SemiDataset', labeled=dict(...), unlabeled=dict(...))"
        yield Problem('no labeled images', "a source named 'labeled'", f'sources {names}', fix)
    place = f'train_dataloader.sampler.{key}'
    fix = f'correct {place}, or the sources of train_dataloader.dataset'
    for fault in faults:
        yield Problem(fault, f'{key} for the sources {names}', f'{place}={dict(shares)}', fix)


def batch_problems(wanted: int, said: str, given: Any) -> Iterator[Problem]:
    """A loader whose batch is not the sampler's, ``wanted``, which is 0 where it cannot be told."""
    if wanted and isinstance(given, int) and given != wanted:
        what = "the loader's batch size is not the sum of the sampler's counts"
        key = 'train_dataloader.batch_size'
        fix = f'set {key} and train_dataloader.sampler.counts together'
        yield Problem(what, f'{key}={wanted}, {said}', f'{key}={given}', fix)


def loop_problems(loop: Any) -> Iterator[Problem]:
    """An epoch loop."""
    node = loop if isinstance(loop, Mapping) else {}
    if _is(node, LOOPS, EpochBasedTrainLoop) or ('type' not in node and node.get('by_epoch')):
        what = 'an epoch loop over a stream that has no epochs'
        expected = "train_cfg=dict(type='IterBasedTrainLoop', max_iters=..., val_interval=...)"
        fix = 'labeled and unlabeled images come in fixed shares without end: count iterations'
        yield Problem(what, expected, str(dict(node)), fix)


def sources_of(dataset: Any) -> list[str]:
    """Names of the sources in the config of a data set; none where it is no ``SemiDataset``."""
    if not isinstance(dataset, Mapping) or not _is(dataset, DATASETS, SemiDataset):
        return []
    own = {'type', '_scope_', '_delete_', *inspect.signature(SemiDataset).parameters} - {'labeled'}
    return [name for name, value in dataset.items() if name not in own and value is not None]


def _is(node: Mapping[str, Any], registry: Registry, kind: type) -> bool:
    name = node.get('type')
    found = registry.get(name) if isinstance(name, str) else name
    return inspect.isclass(found) and issubclass(found, kind)
