"""Checks by checksums or length that a checkpoint file is intact, without executing its content."""

from __future__ import annotations

import io
import json
import os.path as osp
import pickle
import struct
import zipfile
import zlib
from contextlib import suppress
from typing import Any

import torch

from mmssod.environment.errors import InputError

SAFETENSORS = '.safetensors'
LARGEST_HEADER = 100_000_000  # bytes of a safetensors file, as in safetensors itself
_ZIP, _PICKLE = b'PK', b'\x80'


def damage(path: str) -> str | None:
    """Describe the damage of a checkpoint file on this machine; None for an intact one.

    torch's files are zip archives whose entries carry checksums, so damage shows without unpickling; entries that are
    compressed, which torch never does, are not unpacked. A file of its old
    format, a bare pickle, has none: it passes here and shows when it is loaded. So does a folder, as DeepSpeed writes.
    Of a ``.safetensors`` file the length is compared with its header.
    """
    if osp.isdir(path):
        return None
    try:
        if path.endswith(SAFETENSORS):
            return safetensors_damage(path)
        with open(path, 'rb') as stream:
            start = stream.read(2)
        if start[:1] == _PICKLE:
            return None
        if start != _ZIP:
            return 'empty' if not start else 'not a file of torch.save'
        if packed := larger_inside(path):
            return packed
        spoilt = _spoilt_entry(path)
    except Exception as error:  # broken directories have no end of errors: struct.error, KeyError, RuntimeError, ...
        reason = str(error).split('\n')[0]
        return f'cut off or overwritten ({type(error).__name__}: {reason})'
    return None if spoilt is None else f'{spoilt} does not match its checksum'


def larger_inside(path: str) -> str | None:
    """How a zip archive holds more than its size: compressed, or entries that share bytes; None if it does not."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    packed = next((entry for entry in entries if entry.compress_type != zipfile.ZIP_STORED), None)
    if packed is not None:
        return f'{packed.filename} is compressed, which torch.save never does'
    inside, size = sum(entry.file_size for entry in entries), osp.getsize(path)
    return None if inside <= size else f'{inside} bytes in a file of {size}'


def safetensors_damage(path: str) -> str | None:
    """Of a length (8 bytes), a json header with the place of each tensor, and the tensors, which have no checksum."""
    size = osp.getsize(path)
    with open(path, 'rb') as stream:
        (length,) = struct.unpack('<Q', stream.read(8))
        if length > min(size - 8, LARGEST_HEADER):
            return f'a header of {length} bytes in a file of {size}'
        header = json.loads(stream.read(length))
    ends = [entry['data_offsets'][1] for name, entry in header.items() if name != '__metadata__']
    expected = 8 + length + max(ends, default=0)
    return None if size == expected else f'{size} bytes, its header says {expected}'


def _spoilt_entry(path: str) -> str | None:
    """The first entry whose content is not what its checksum says; read as torch does, which tests none itself."""
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
    with suppress(Exception):  # what stand-ins cannot follow is for the loader to refuse
        asked.load()
    for name in ('version', *(f'data/{key}' for key in asked.keys)):
        reader.get_record(name)
    return None


class _StorageNames(pickle.Unpickler):
    """Reads a checkpoint's pickle for the storages it names; whatever it asks to call is a stand-in."""

    def __init__(self, stream: io.BytesIO) -> None:
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

    def __call__(self, *args: Any) -> _StandIn:
        return self

    __setstate__ = __setitem__ = append = extend = add = __call__  # type: ignore[assignment]
