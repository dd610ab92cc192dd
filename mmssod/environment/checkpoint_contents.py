"""What a checkpoint may hold once it was read: tensors as large as is stored, and no text that mmengine would run."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.logging import print_log

from mmssod.environment.data_configs import text_fault
from mmssod.environment.errors import InputError

_UNPACKED = (16, 2**28)
"""Tensors may need so many times the bytes that are stored, and so many bytes more: views share them."""


class UnsafeCheckpointError(pickle.UnpicklingError, InputError):
    """A checkpoint asks for more than weights; nothing of it was run."""


def as_data(filename: str, checkpoint: Any) -> Any:
    """A checkpoint without texts that mmengine would run as code; a log line says which are left out.

    Raises:
        UnsafeCheckpointError: Its tensors need far more memory than is stored.
    """
    _require_stored(filename, checkpoint)
    meta, hub = (_mapping(checkpoint, key) for key in ('meta', 'message_hub'))
    seen: dict[Any, str | None] = {}
    for holder, key in ((meta, 'config'), (meta, 'cfg'), (_mapping(hub, 'runtime_info'), 'cfg')):
        if key not in holder:
            continue
        text = holder[key] if isinstance(holder[key], str) else None
        if text not in seen:
            seen[text] = text_fault(text)
        if fault := seen[text]:
            del holder[key]
            print_log(
                f'{filename}: its config ({key}) is left out, since mmengine would run it: {fault}. Where a config is '
                'needed, name one: DetInferencer(model=CONFIG, weights=...)',
                'current',
                logging.WARNING,
            )
    return checkpoint


def _mapping(holder: Any, key: str) -> dict[str, Any]:
    found = holder.get(key) if isinstance(holder, Mapping) else None
    return found if isinstance(found, dict) else {}


def _require_stored(filename: str, checkpoint: Any) -> None:
    needed, stored = 0, {}
    nodes, seen = [checkpoint], set()
    while nodes:
        node = nodes.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, torch.Tensor):
            if node.layout != torch.strided or node.is_meta:
                raise UnsafeCheckpointError(
                    f'{filename}: expected dense tensors, got one of {node.layout} on {node.device}; save it as a '
                    'dense one'
                )
            storage = node.untyped_storage()
            needed += node.numel() * node.element_size()
            stored[storage.data_ptr()] = storage.nbytes()
        elif isinstance(node, Mapping):
            nodes += node.values()
        elif isinstance(node, (list, tuple)):
            nodes += node
    held = sum(stored.values())
    if needed > _UNPACKED[0] * held + _UNPACKED[1]:
        raise UnsafeCheckpointError(
            f'{filename}: expected tensors as large as what is stored of them, but they need {needed} bytes and {held} '
            'are stored: they may fill the memory. Save them as contiguous tensors where that is harmless'
        )
