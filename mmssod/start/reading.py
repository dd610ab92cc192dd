"""Reads the checkpoint of a start, from any known source, as a checkpoint of mmdet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmdet.datasets import CocoDataset
from mmengine.runner import CheckpointLoader
from torch import Tensor

from mmssod.start.files import start_file
from mmssod.start.yolox import from_yolox_pth, is_yolox_pth, yolox_size
from mmssod.start.zoo import StartError, find_model, is_known
from mmssod.structures import Problem


def read_start(start: str) -> dict[str, Any]:
    """The checkpoint of a start: fetched where needed, read as data, its weights in mmdet's names.

    Args:
        start: A file, a URL, or a model's name.

    Returns:
        dict: ``state_dict``, on the CPU; ``meta``, whose ``dataset_meta`` has the ``classes`` where they are known: the
        checkpoint says them, or it is of the zoo's models on COCO or of YOLOX's authors. What else the checkpoint has
        stays in it.

    Raises:
        StartError: The file cannot be found or fetched, or holds no weights.
        UnsafeCheckpointError: It holds more than weights; nothing of it was run.
        ValueError: It is damaged.
    """
    checkpoint = CheckpointLoader.load_checkpoint(start_file(start), map_location='cpu')
    weights = _weights(checkpoint, start)
    classes = trained_classes(checkpoint)
    if is_yolox_pth(weights):
        weights = from_yolox_pth(weights)
        if yolox_size(weights).num_classes == len(coco_classes()):
            classes = classes or coco_classes()
    elif is_known(start) and 'COCO' in find_model(start).datasets:
        classes = classes or coco_classes()
    rest = {k: v for k, v in checkpoint.items() if k != 'model' and not torch.is_tensor(v)}
    meta = dict(rest.get('meta') or {})
    if classes:
        meta['dataset_meta'] = {**(meta.get('dataset_meta') or {}), 'classes': classes}
    return {**rest, 'state_dict': weights, 'meta': meta}


def trained_classes(checkpoint: Mapping[str, Any]) -> tuple[str, ...]:
    """The class names that a checkpoint says it was trained on; () where it does not.

    mmdet 3.x writes ``meta.dataset_meta.classes`` (its first versions ``CLASSES``), mmdet 2.x ``meta.CLASSES``.
    """
    meta = checkpoint.get('meta')
    meta = meta if isinstance(meta, Mapping) else {}
    for place in (meta.get('dataset_meta') or {}, meta):
        for key in ('classes', 'CLASSES'):
            if names := place.get(key):
                return (names,) if isinstance(names, str) else tuple(map(str, names))
    return ()


def coco_classes() -> tuple[str, ...]:
    """COCO's 80 classes in mmdet's order."""
    return tuple(CocoDataset.METAINFO['classes'])


def _weights(checkpoint: Any, start: str) -> Mapping[str, Tensor]:
    """The weights of a checkpoint: under ``state_dict``, under ``model`` (as YOLOX's authors write), or all of it."""
    parts = checkpoint if isinstance(checkpoint, Mapping) else {}
    places = (parts.get('state_dict'), parts.get('model'), parts)
    found = next(place for place in places if isinstance(place, Mapping))
    if tensors := {name: value for name, value in found.items() if torch.is_tensor(value)}:
        return tensors
    keys = list(parts)[:5] if isinstance(checkpoint, Mapping) else type(checkpoint).__name__
    raise StartError(
        Problem(
            'a start without weights',
            "tensors by name, under 'state_dict', under 'model', or as the whole file",
            f'{start}: {keys}',
            'name a checkpoint that mmengine or torch.save wrote',
        )
    )
