"""Weights in safetensors files: read by mmengine's ``CheckpointLoader`` like any checkpoint, and checked for damage.

The format is a length (8 bytes), a json header with type, shape and place of each tensor, and the tensors: nothing in
it is run, and a file that is cut off shows without reading it.
"""

from __future__ import annotations

import json
import os.path as osp
import struct
from typing import Any

from mmengine.runner.checkpoint import CheckpointLoader

from mmssod.environment.errors import InputError

SUFFIX = '.safetensors'
LARGEST_HEADER = 100_000_000  # bytes, as in safetensors itself


def register_safetensors() -> None:
    """Let ``CheckpointLoader`` read local files that end with ``.safetensors``. Idempotent."""
    # The longest match wins by the order of the patterns, and this one stands behind all names with a scheme.
    CheckpointLoader.register_scheme(r'(?!\w+://).*\.safetensors$', load_from_safetensors, True)


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
            classes = _classes(content.metadata() or {})
    except SafetensorError as error:
        raise InputError(
            f'{filename}: expected weights in safetensors, got a damaged file: {error}. Copy it again'
        ) from error
    meta = {'dataset_meta': {'classes': classes}} if classes else {}
    return {'state_dict': weights, 'meta': meta}


def safetensors_damage(path: str) -> str | None:
    """What is wrong with a safetensors file; None for a whole one. Contents have no checksum.

    Raises:
        Exception: Of several kinds where the header cannot be read.
    """
    size = osp.getsize(path)
    with open(path, 'rb') as stream:
        (length,) = struct.unpack('<Q', stream.read(8))
        if length > min(size - 8, LARGEST_HEADER):
            return f'a header of {length} bytes in a file of {size}'
        header = json.loads(stream.read(length))
    ends = [entry['data_offsets'][1] for name, entry in header.items() if name != '__metadata__']
    expected = 8 + length + max(ends, default=0)
    return None if size == expected else f'{size} bytes, its header says {expected}'


def _classes(metadata: dict[str, str]) -> tuple[str, ...]:
    """What ``mmssod export --safetensors`` writes: the class names as a json list."""
    try:
        classes = json.loads(metadata.get('classes', '[]'))
    except ValueError:
        return ()
    return tuple(map(str, classes)) if isinstance(classes, list) else ()
