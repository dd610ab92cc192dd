"""Helpers for hooks to read a runner: the unwrapped model, the data set by source, the images of a batch.

Hooks stay short when they need not know whether the model is wrapped for many processes, whether
the data set is a ``SemiDataset`` or a plain one, and whether a batch has branches or not.
"""

from __future__ import annotations

import os.path as osp
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import torch
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor

_BOX_COUNTS: WeakKeyDictionary[Any, Tensor] = WeakKeyDictionary()


def bare_model(runner: Runner) -> Any:
    """The detector itself, without the wrapper that distributed training puts around it."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def sources(dataset: Any) -> dict[str, Any]:
    """Data sets by source name; a plain data set counts as the source ``labeled``."""
    return dict(getattr(dataset, 'sources', None) or {'labeled': dataset})


def labeled_source(dataset: Any) -> Any | None:
    """The source ``labeled`` of a training set, or None when it has no such source."""
    return sources(dataset).get('labeled')


def count_boxes(dataset: Any, num_classes: int) -> Tensor:
    """Count annotated boxes of each class, once per data set.

    Args:
        dataset: a data set with ``get_data_info(i)['instances']``. Boxes flagged ``ignore_flag``
            are not trained and do not count, nor do labels outside ``[0, num_classes)``.
        num_classes: number of classes M.

    Returns:
        Tensor: box counts of shape (M,), float64.
    """
    cached = _BOX_COUNTS.get(dataset)
    if cached is not None and cached.numel() == num_classes:
        return cached.clone()
    counts = torch.zeros(num_classes, dtype=torch.float64)
    for index in range(len(dataset)):
        for instance in dataset.get_data_info(index)['instances']:
            label = instance['bbox_label']
            if not instance.get('ignore_flag', 0) and 0 <= label < num_classes:
                counts[label] += 1
    _BOX_COUNTS[dataset] = counts
    return counts.clone()


def image_paths(dataset: Any) -> Iterator[str]:
    """Absolute, normalised image paths of a data set, in its order."""
    for index in range(len(dataset)):
        path = dataset.get_data_info(index).get('img_path')
        if path:
            yield osp.abspath(path)


def batch_image_paths(data_batch: Any) -> dict[str, list[str]]:
    """Image paths of a batch by branch; a batch without branches has the one branch ``batch``."""
    samples = data_batch.get('data_samples') if isinstance(data_batch, dict) else None
    branches = samples if isinstance(samples, dict) else {'batch': samples or []}
    return {
        branch: [sample.metainfo.get('img_path', '?') for sample in entries if sample is not None]
        for branch, entries in branches.items()
    }


def images_now(runner: Runner) -> int:
    """Images that all processes together train on in this iteration: a source may come in later."""
    sampler = runner.train_dataloader.sampler
    if not hasattr(sampler, 'images'):
        return images_per_step(runner)
    return int(sampler.images(runner.iter)) * int(runner.world_size)


def images_per_step(runner: Runner) -> int:
    """Images that all processes together train on in one iteration with all sources."""
    return int(runner.train_dataloader.batch_size or 0) * int(runner.world_size)
