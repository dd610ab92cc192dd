"""Caches decoded and resized images on disk, so that the first steps of a pipeline run once per image.

A photograph of 12 megapixels takes longer to decode than a small detector to learn from it. The first steps of a
pipeline that are the same each time (read, resize to one size) are then done once for an image; later epochs, other
runs and all data workers read the small image, which the system keeps in memory once for all of them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform, Compose
from mmdet.registry import TRANSFORMS
from mmengine.registry import Registry

from mmssod.datasets.fixed_view import CONSTANT
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import replacing

GIB = 2**30
RECOUNT = 256
"""Images that a process keeps before it asks again how large the folder is, to which others write, too."""


@TRANSFORMS.register_module()
class CachedSteps(BaseTransform):
    """Caches the result of steps that depend only on the file; identical to the last bit.

    An image is known by its path, size and time of change, with the steps and OpenCV's version: after any change it is
    made again, and so is a damaged file. Images that are no local files are never kept, nor is any beyond the limit.

    Args:
        steps: Configs of the steps, the first of which reads ``img_path``; their types are ``LoadWholeImage``,
            ``LoadImageFromFile`` and ``Resize``.
        folder: Where images are kept, made at need; several runs may share it.
        limit: Most that the folder may hold, GiB, above 0.

    Raises:
        ValueError: Another type of step, or a limit that is not above 0.
    """

    def __init__(
        self, steps: Sequence[Mapping[str, Any]], folder: str | Path, limit: float = 4.0
    ) -> None:
        others = [str(step['type']) for step in steps if not is_constant(step)]
        if others or not steps:
            raise InputError(f'steps to keep images of: expected some of {CONSTANT}, got {others}')
        if not limit > 0:
            raise InputError(f'limit of the image cache: expected GiB above 0, got {limit!r}')
        self.compose = Compose([dict(step) for step in steps])
        self.folder = Path(folder)
        self.limit = limit
        self.recipe = repr([sorted(step.items(), key=str) for step in steps]) + cv2.__version__
        self._room = 0.0
        self._until_count = 0

    def transform(self, results: dict) -> dict | None:
        """Add what the steps add: ``img``, (H, W, 3) uint8, its shapes, scale and homography."""
        path = self.place(results['img_path'])
        made = read(path) if path else None
        if made is None:
            made = self.compose({'img_path': results['img_path']})
            if path:
                self.keep(path, made)
        return {**results, **made}

    def place(self, source: str) -> Path | None:
        """Path of the cached image of a file; None for files that are not local."""
        try:
            known = os.stat(source)
        except (OSError, ValueError):
            return None
        text = f'{os.path.realpath(source)}\n{known.st_size}\n{known.st_mtime_ns}\n{self.recipe}'
        name = hashlib.blake2b(text.encode(errors='surrogateescape'), digest_size=16).hexdigest()
        return self.folder / name[:2] / f'{name[2:]}.image'

    def keep(self, path: Path, made: Mapping[str, Any]) -> None:
        """Write an image where there is room; a full disk or a folder without rights keeps nothing."""
        size = made['img'].nbytes
        if not self._until_count:
            self._room = self.limit * GIB - sum(_sizes(self.folder))
            self._until_count = RECOUNT
        if size > self._room:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path, sync=False) as stream:
                write(stream, made)
        except OSError:
            self._room = 0.0
        self._room -= size
        self._until_count -= 1

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.compose}, folder={str(self.folder)!r}, limit={self.limit})'


def with_cache(pipeline: list[Any], cache: Mapping[str, Any] | None) -> list[Any]:
    """A pipeline whose first steps, as far as they are the same each time, keep their images.

    Args:
        pipeline: Configs of transforms.
        cache: ``folder`` and ``limit`` of :class:`CachedSteps`; None leaves the pipeline as it is.

    Raises:
        ValueError: The first step is another than reading an image.
    """
    if not cache:
        return pipeline
    number = next((n for n, s in enumerate(pipeline) if not is_constant(s)), len(pipeline))
    if not number:
        raise InputError(
            f'cache: expected a pipeline that begins with one of {CONSTANT}, got {pipeline[:1]}; fix: cache=None'
        )
    return [dict(type='CachedSteps', steps=pipeline[:number], **cache), *pipeline[number:]]


def is_constant(step: Any) -> bool:
    """Whether what a step does depends on the file alone, however its type is written."""
    kind = step.get('type') if isinstance(step, Mapping) else None
    name = kind.__name__ if isinstance(kind, type) else Registry.split_scope_key(str(kind))[1]
    return name in CONSTANT


def write(stream: IO[bytes], made: Mapping[str, Any]) -> None:
    """Write what steps made of a file: the image as numpy does, then all else as JSON."""
    np.lib.format.write_array(stream, np.ascontiguousarray(made['img']), allow_pickle=False)
    rest = {key: _as_json(made[key]) for key in made if key not in ('img', 'img_path')}
    stream.write(json.dumps(rest).encode())


def read(path: Path) -> dict[str, Any] | None:
    """What :func:`write` wrote, in the types that it had; None where there is no whole file."""
    try:
        with open(path, 'rb') as stream:
            image = np.lib.format.read_array(stream, allow_pickle=False)
            rest = json.loads(stream.read())
            return {'img': image, **{key: _from_json(value) for key, value in rest.items()}}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _as_json(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {'array': value.tolist(), 'dtype': str(value.dtype)}
    if isinstance(value, tuple):
        return {'tuple': [_as_json(one) for one in value]}
    return value.item() if isinstance(value, np.generic) else value


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        if 'tuple' in value:
            return tuple(map(_from_json, value['tuple']))
        return np.array(value['array'], dtype=value['dtype'])
    return value


def _sizes(folder: Path) -> Iterator[int]:
    for part, _, files in os.walk(folder):
        for file in files:
            try:
                yield os.path.getsize(os.path.join(part, file))
            except OSError:
                pass  # another process replaced it meanwhile
