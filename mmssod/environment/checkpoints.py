"""Checkpoints are read as data: weights, numbers and mmengine's log, by a list of types. Nothing in them is run.

A checkpoint is a pickle, and a pickle can name any function and call it. ``torch.load(weights_only=True)`` refuses
names that it does not know. Two things stand between that and mmengine:

* mmengine's checkpoints hold its log (``HistoryBuffer``, of numpy arrays), which torch does not know, so mmengine
  0.10.7 cannot resume its own training: ``allow_checkpoint_types`` names these types;
* onedl-mmengine falls back to unpickling anything, and allows ``getattr``; downloads are unpickled without a limit:
  ``guard_loading`` closes both, for every way in, since all of them lead through mmengine's ``CheckpointLoader``;
* mmengine runs texts of a checkpoint as configs (``Runner.resume``, ``DetInferencer``): those that are no plain data
  are left out.

``trusting`` opens it again, where the user says so. All of it holds for the thread that loads, and no other.
"""

from __future__ import annotations

import io
import os.path as osp
import pickle
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import wraps
from typing import IO, Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader

from mmssod.environment.checkpoint_contents import UnsafeCheckpointError, as_data
from mmssod.environment.errors import InputError
from mmssod.environment.safetensors_files import SUFFIX, safetensors_damage

# Of numpy's types those that a log of numbers can have: bool, integers and floats of any width.
_NUMBER_CODES = '?bBhHiIlLqQefd'
_STATISTICS = ('min', 'max', 'mean', 'current')
_ZIP, _PICKLE = b'PK', b'\x80'
_trusted: ContextVar[bool] = ContextVar('trusted', default=False)
# What ``torch.load`` is told within mmengine's loaders, whatever they say; None outside of them.
_weights_only: ContextVar[bool | None] = ContextVar('weights_only', default=None)


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
    """Have all of mmengine's loaders (files, URLs, model zoos) read checkpoints as data. Idempotent."""
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
    before = _trusted.set(trust)
    try:
        yield
    finally:
        _trusted.reset(before)


def damage(path: str) -> str | None:
    """What is wrong with a checkpoint file on this machine; None for a whole one.

    torch's files are zip archives whose entries carry checksums, so damage shows without unpickling; entries that are
    compressed, which torch never does, are not unpacked. A file of its old
    format, a bare pickle, has none: it passes here and shows when it is loaded. So does a folder, as DeepSpeed writes.
    Of a ``.safetensors`` file the length is compared with its header.
    """
    if osp.isdir(path):
        return None
    try:
        if path.endswith(SUFFIX):
            return safetensors_damage(path)
        with open(path, 'rb') as stream:
            start = stream.read(2)
        if start[:1] == _PICKLE:
            return None
        if start != _ZIP:
            return 'empty' if not start else 'not a file of torch.save'
        if packed := _larger_inside(path):
            return packed
        spoilt = _spoilt_entry(path)
    except Exception as error:  # broken directories have no end of errors: struct.error, KeyError, RuntimeError, ...
        reason = str(error).split('\n')[0]
        return f'cut off or overwritten ({type(error).__name__}: {reason})'
    return None if spoilt is None else f'{spoilt} does not match its checksum'


def _larger_inside(path: str) -> str | None:
    """How a zip archive holds more than its size: compressed, or entries that share bytes; None if it does not."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    packed = next((entry for entry in entries if entry.compress_type != zipfile.ZIP_STORED), None)
    if packed is not None:
        return f'{packed.filename} is compressed, which torch.save never does'
    inside, size = sum(entry.file_size for entry in entries), osp.getsize(path)
    return None if inside <= size else f'{inside} bytes in a file of {size}'


def _require_unpacked(path: str) -> None:
    """Refuse a local file that would need more memory than its size says.

    Raises:
        UnsafeCheckpointError: Says why.
    """
    packed = None
    with suppress(
        OSError, zipfile.BadZipFile, ValueError
    ):  # what is no archive is the loader's to judge
        packed = _larger_inside(path) if zipfile.is_zipfile(path) else None
    if packed:
        raise UnsafeCheckpointError(
            f'{path}: expected a checkpoint as torch.save writes it, but {packed}: it may fill the memory. Load and '
            'save it again with torch where that is harmless'
        )


def _spoilt_entry(path: str) -> str | None:
    """The first entry whose content is not what its checksum says; read as torch does, which tests none itself.

    Raises:
        Exception: of many kinds, where the archive is broken, or lacks what its pickle asks for.
    """
    reader = torch._C.PyTorchFileReader(path)
    with zipfile.ZipFile(path) as archive:
        pickles = [name for name in archive.namelist() if name.endswith('/data.pkl')]
        if len(pickles) != 1:
            raise InputError('expected one data.pkl, as torch.save writes')
        top = pickles[0][: -len('data.pkl')]
        for entry in archive.infolist():
            content = reader.get_record(entry.filename.removeprefix(top))
            if zlib.crc32(content) != entry.CRC:
                return entry.filename
    asked = _StorageNames(io.BytesIO(reader.get_record('data.pkl')))
    with suppress(
        Exception
    ):  # its checksum is right: what the stand-ins cannot follow is for the loader to refuse
        asked.load()
    for name in ('version', *(f'data/{key}' for key in asked.keys)):
        reader.get_record(name)
    return None


class _StorageNames(pickle.Unpickler):
    """Reads a checkpoint's pickle for the storages it names; whatever it asks to call is a stand-in."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream)
        self.keys: dict[str, None] = {}

    def find_class(self, module: str, name: str) -> Any:
        return _StandIn

    def persistent_load(self, pid: Any) -> Any:
        self.keys[str(pid[2])] = None
        return _StandIn()


class _StandIn(dict):
    """Takes all that a pickle does to an object, and does nothing."""

    def __new__(cls, *args: Any, **options: Any) -> _StandIn:
        return super().__new__(cls)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__()

    def __call__(self, *args: Any, **options: Any) -> _StandIn:
        return self

    def __setstate__(self, state: Any) -> None: ...

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def append(self, value: Any) -> None: ...

    def extend(self, values: Any) -> None: ...

    def add(self, value: Any) -> None: ...


def _guarded(loader: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(loader)
    def load(filename: str, map_location: Any = None, **options: Any) -> Any:
        if _trusted.get():
            with _told(False if _limits_types() else None):
                return loader(filename, map_location, **options)
        if not _limits_types():
            _warn_of_old_torch()
            return as_data(filename, loader(filename, map_location, **options))
        _require_unpacked(filename)
        allow_checkpoint_types()  # again: a `safe_globals` of others takes them off the list at its end
        try:
            with _told(True):
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
def _told(weights_only: bool | None) -> Iterator[None]:
    before = _weights_only.set(weights_only)
    try:
        yield
    finally:
        _weights_only.reset(before)


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


def _warn_of_old_torch() -> None:
    warnings.warn(
        f'torch {torch.__version__} cannot read checkpoints as data only (CVE-2025-32434): load none that you do not '
        'trust, or take torch >= 2.6',
        stacklevel=3,
    )


def _number_type(code: str, *options: bool) -> np.dtype:
    """In place of ``numpy.dtype``, which also makes types of objects, texts and records.

    Raises:
        UnsafeCheckpointError: for any but those.
    """
    made = np.dtype(code, *options)  # type: ignore[call-overload]
    if made.char not in _NUMBER_CODES:
        raise UnsafeCheckpointError(
            f"the checkpoint asks for numpy's type {code!r}, expected bool, integers or floats; it was not written by "
            'mmengine alone'
        )
    return made


def _statistic(owner: Any, name: str) -> Any:
    """The one use of ``getattr`` in these checkpoints: the statistics of a ``HistoryBuffer``.

    Raises:
        UnsafeCheckpointError: for any other use.
    """
    if owner is not HistoryBuffer or name not in _STATISTICS:
        raise UnsafeCheckpointError(
            f'the checkpoint asks for {name!r} of {owner!r}, expected one of {_STATISTICS} of '
            'HistoryBuffer; it was not written by mmengine alone'
        )
    return getattr(owner, name)
