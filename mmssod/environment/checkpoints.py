"""Reads checkpoints as data: only weights, numbers and mmengine's log types are allowed, no code is executed.

A checkpoint is a pickle, and a pickle can name any function and call it. ``torch.load(weights_only=True)`` refuses
names that it does not know. Three things stand between that and mmengine:

* mmengine's checkpoints hold its log (``HistoryBuffer``, of numpy arrays), which torch does not know, so mmengine
  0.10.7 cannot resume its own training: ``allow_checkpoint_types`` names these types;
* onedl-mmengine falls back to unpickling anything, and allows ``getattr``; downloads are unpickled without a limit:
  ``guard_loading`` closes both, for every way in, since all of them lead through mmengine's ``CheckpointLoader``;
* mmengine runs texts of a checkpoint as configs (``Runner.resume``, ``DetInferencer``): those that are no plain data
  are left out.

``trusting`` opens it again, where the user says so. All of it holds for the thread that loads, and no other.
"""

from __future__ import annotations

import json
import logging
import os.path as osp
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import wraps
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, print_log
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader

from mmssod.environment.checkpoint_damage import SAFETENSORS, damage, larger_inside
from mmssod.environment.data_configs import text_fault
from mmssod.environment.errors import InputError

# Of numpy's types those that a log of numbers can have: bool, integers and floats of any width.
_NUMBER_CODES = '?bBhHiIlLqQefd'
_STATISTICS = ('min', 'max', 'mean', 'current')
_UNPACKED = (16, 2**28)
"""Tensors may need so many times the bytes that are stored, and so many bytes more: views share them."""
_trusted: ContextVar[bool] = ContextVar('trusted', default=False)
# What ``torch.load`` is told within mmengine's loaders, whatever they say; None outside of them.
_weights_only: ContextVar[bool | None] = ContextVar('weights_only', default=None)


class UnsafeCheckpointError(pickle.UnpicklingError, InputError):
    """A checkpoint asks for more than weights; nothing of it was run."""


def allow_checkpoint_types() -> None:
    """Add what mmengine's checkpoints hold to the types that ``torch.load`` accepts. Idempotent."""
    if not _limits_types():
        return
    pickled: Any = (np.zeros(1), np.float64(0))
    rebuilders = [value.__reduce__()[0] for value in pickled]
    # By name, as numpy 2 moved the functions that rebuild arrays and scalars.
    aliases: list[Any] = [
        (function, f'numpy.{core}.multiarray.{function.__name__}')
        for function in rebuilders
        for core in ('core', '_core')
    ]
    number_types = sorted({type(np.dtype(code)) for code in _NUMBER_CODES}, key=str)
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            np.ndarray,
            (_number_type, 'numpy.dtype'),
            *number_types,
            *aliases,
            (_statistic, 'builtins.getattr'),
        ]
    )


def guard_loading() -> None:
    """Have all of mmengine's loaders (files, URLs, model zoos) read checkpoints as data. Idempotent.

    They read local files that end with ``.safetensors``, too.
    """
    allow_checkpoint_types()
    # The longest match wins by the order of the patterns, and this one stands behind all names with a scheme.
    own = r'(?!\w+://).*' + re.escape(SAFETENSORS) + '$'
    if own not in CheckpointLoader._schemes:
        CheckpointLoader.register_scheme(own, load_from_safetensors)
    for prefix, loader in list(CheckpointLoader._schemes.items()):
        if not hasattr(loader, '__wrapped__'):
            CheckpointLoader.register_scheme(prefix, _guarded(loader), force=True)
    if not hasattr(torch.load, '__wrapped__'):
        torch.load = _by_context(torch.load)
    if hasattr(mmengine_checkpoint, '_safe_torch_load'):  # onedl-mmengine's, which falls back
        mmengine_checkpoint._safe_torch_load = _load


@contextmanager
def trusting(trust: bool = True) -> Iterator[None]:
    """Within, unpickle checkpoints without a limit, if ``trust``: whatever code they hold is run. In this thread."""
    with _set(_trusted, trust):
        yield


def _guarded(loader: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(loader)
    def load(filename: str, map_location: Any = None, **options: Any) -> Any:
        if _trusted.get():
            with _set(_weights_only, False if _limits_types() else None):
                return loader(filename, map_location, **options)
        if not _limits_types():
            warnings.warn(
                f'torch {torch.__version__} cannot read checkpoints as data only (CVE-2025-32434): load none that you '
                'do not trust, or take torch >= 2.6',
                stacklevel=2,
            )
            return as_data(filename, loader(filename, map_location, **options))
        _require_no_larger(filename)
        allow_checkpoint_types()  # again: a `safe_globals` of others takes them off the list at its end
        try:
            with _set(_weights_only, True):
                return as_data(filename, loader(filename, map_location, **options))
        except pickle.UnpicklingError as error:
            if osp.exists(filename) and (wrong := damage(filename)):
                raise InputError(_damaged(filename, wrong)) from None
            raise UnsafeCheckpointError(_refusal(filename, error)) from None
        except (OSError, ImportError, MemoryError):
            raise
        except Exception as error:  # torch's reader trips over damage in many ways
            if type(error) is ValueError:  # said by a loader in words
                raise
            wrong = damage(filename) if osp.exists(filename) else None
            if wrong is None and isinstance(error, RuntimeError):
                raise
            wrong = wrong or f'torch cannot read it ({type(error).__name__}: {error})'
            raise InputError(_damaged(filename, wrong)) from error

    return load


def _require_no_larger(path: str) -> None:
    """Refuse a local file that would need more memory than its size says."""
    packed = None
    with suppress(OSError, zipfile.BadZipFile, ValueError):  # no archive: the loader's to judge
        packed = larger_inside(path) if zipfile.is_zipfile(path) else None
    if packed:
        raise UnsafeCheckpointError(
            f'{path}: expected a checkpoint as torch.save writes it, but {packed}: it may fill the memory. Load and '
            'save it again with torch where that is harmless'
        )


def _load(file: Any, map_location: Any = None, weights_only: bool | None = None) -> Any:
    """In place of onedl-mmengine's ``_safe_torch_load``."""
    return torch.load(file, map_location=map_location, weights_only=not _trusted.get())


def _by_context(load: Callable[..., Any]) -> Callable[..., Any]:
    """``torch.load`` that the loaders of this thread cannot have unpickle more; for all others as it was."""

    @wraps(load)
    def loaded(*args: Any, **options: Any) -> Any:
        told = _weights_only.get()
        return load(*args, **options if told is None else {**options, 'weights_only': told})

    return loaded


@contextmanager
def _set(variable: ContextVar[Any], value: Any) -> Iterator[None]:
    before = variable.set(value)
    try:
        yield
    finally:
        variable.reset(before)


def _damaged(filename: str, wrong: str) -> str:
    return f'{filename}: expected a checkpoint, got a damaged file: {wrong}. Take the one before, or copy it again'


def _refusal(filename: str, error: Exception) -> str:
    asked = re.search(r'GLOBAL ([\w.]+)', str(error))
    what = f'it asks for {asked[1]}' if asked else str(error).split('\n')[0]
    return (
        f"{filename}: expected weights, numbers and mmengine's log, but {what}, which can run code. Nothing of it was "
        'run. If you trust whoever made the file, pass --trust-checkpoint to tools/train.py or tools/test.py, '
        'trust_checkpoint=True to apis.train or apis.test, or load it (init_detector, DetInferencer, ...) within '
        '`with mmssod.environment.checkpoints.trusting():`; that runs it'
    )


def _limits_types() -> bool:
    """Whether this torch has a list of types that holds: 2.6 or later (before, CVE-2025-32434)."""
    return hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint')


def _number_type(code: str, *options: bool) -> np.dtype:
    """In place of ``numpy.dtype``, which also makes types of objects, texts and records."""
    made = np.dtype(code, *options)  # type: ignore[call-overload]
    if made.char not in _NUMBER_CODES:
        raise UnsafeCheckpointError(
            f"the checkpoint asks for numpy's type {code!r}, expected bool, integers or floats; it was not written by "
            'mmengine alone'
        )
    return made


def _statistic(owner: Any, name: str) -> Any:
    """The one use of ``getattr`` in these checkpoints: the statistics of a ``HistoryBuffer``."""
    if owner is not HistoryBuffer or name not in _STATISTICS:
        raise UnsafeCheckpointError(
            f'the checkpoint asks for {name!r} of {owner!r}, expected one of {_STATISTICS} of '
            'HistoryBuffer; it was not written by mmengine alone'
        )
    return getattr(owner, name)


def load_from_safetensors(filename: str, map_location: Any = None) -> dict[str, Any]:
    """A checkpoint as mmengine knows it: ``state_dict``, and ``meta`` with the classes that the file's metadata names.

    Args:
        filename: The file.
        map_location: A device or its name; anything else means the CPU.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: safetensors is not installed.
        ValueError: The file is damaged.
    """
    filename = osp.expanduser(filename)
    if not osp.isfile(filename):
        raise FileNotFoundError(f'{filename} can not be found.')
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise ImportError(
            f"{filename}: reading it needs safetensors, which is not installed: pip install 'mmssod[safetensors]'"
        ) from error
    device = 'cpu' if map_location is None or callable(map_location) else str(map_location)
    try:
        with safe_open(filename, framework='pt', device=device) as content:
            weights = {name: content.get_tensor(name) for name in content.keys()}
            classes = _class_names((content.metadata() or {}).get('classes', '[]'))
    except SafetensorError as error:
        raise InputError(
            f'{filename}: expected weights in safetensors, got a damaged file: {error}. Copy it again'
        ) from error
    meta = {'dataset_meta': {'classes': classes}} if classes else {}
    return {'state_dict': weights, 'meta': meta}


def _class_names(text: str) -> tuple[str, ...]:
    """What ``mmssod export --safetensors`` writes: a json list."""
    try:
        names = json.loads(text)
    except ValueError:
        return ()
    return tuple(map(str, names)) if isinstance(names, list) else ()


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
