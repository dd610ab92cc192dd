"""Converts a checkpoint or ONNX export from YOLOX's authors to a checkpoint for mmdet's YOLOX."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from mmdet.datasets import CocoDataset
from mmengine.runner import CheckpointLoader
from torch import Tensor

from mmssod.convert.yolox_export import largest_difference, read_export, recover_norms
from mmssod.datasets.image_lists import find_images
from mmssod.datasets.transforms import LoadWholeImage
from mmssod.engine.progress import with_progress
from mmssod.engine.reliability.checkpoint_files import save_whole
from mmssod.environment.errors import InputError
from mmssod.environment.packages import require_package
from mmssod.environment.whole_files import write_whole
from mmssod.start.yolox import YOLOXSize, from_yolox_pth, is_yolox_pth, require_whole
from mmssod.version import __version__

ENDINGS = ('.pth', '.safetensors')
"""What a converted file may end with."""
MAX_IMAGES = 256
"""Images that batch norm is recovered from, at most: more change its statistics by little."""
MAX_DIFFERENCE = 1e-2
"""Between outputs of an export and of what was made of it. The export's own rounding is 5e-4 for YOLOX-Nano, and a
layer in the wrong place changes outputs by whole numbers."""

_CHECKED_IMAGES = 4
_PAD = 114


class Converted(NamedTuple):
    """What was made of a file.

    Attributes:
        weights: In mmdet's names.
        size: The detector's.
        notes: What is to be known about them, a line each.
    """

    weights: dict[str, Tensor]
    size: YOLOXSize
    notes: list[str]


def convert_yolox(
    source: str | Path,
    out: str | Path,
    *,
    images: str | None = None,
    max_images: int = MAX_IMAGES,
    size: str | None = None,
) -> list[str]:
    """Convert one file.

    Args:
        source: The authors' ``.pth``, or the ``.onnx`` that they export.
        out: File to write, ``.pth`` or ``.safetensors``; its folder is made. A file that is there is replaced when the
            new one is whole.
        images: Photographs that an export's batch norm is recovered from: a folder, a glob, a text list or a COCO json.
        max_images: Maximum number of images to read, evenly spaced; at least 1.
        size: ``'nano'``, ``'tiny'``, ``'s'``, ``'m'``, ``'l'`` or ``'x'``, if it must be that one.

    Returns:
        What was found and written, a line each.

    Raises:
        ImportError: ``onnx`` or ``safetensors`` is needed and not installed.
        OSError: A file is not there, or cannot be written.
        ValueError: The file holds something else, an ending is unknown, the size is another, or images are given for
            a file that has batch norm of its own.
    """
    source, out = Path(source), Path(out)
    if out.suffix not in ENDINGS:
        raise InputError(f'OUT: expected a name that ends in {" or ".join(ENDINGS)}, got {out}')
    if out.suffix == '.safetensors':
        require_package('safetensors', 'safetensors')
    if source.suffix == '.onnx':
        converted = _from_onnx(source, images, max_images)
    elif source.suffix == '.pth':
        converted = _from_pth(source, images)
    else:
        raise InputError(f'IN: expected a file that ends in .pth or .onnx, got {source}')
    if size is not None and converted.size.name != size:
        raise InputError(f'size: expected YOLOX {size}, {source} holds {converted.size.text()}')
    classes = _classes(converted.size)
    out.parent.mkdir(parents=True, exist_ok=True)
    _write(out, converted.weights, classes, source.name)
    count = sum(t.numel() for name, t in converted.weights.items() if 'running' not in name)
    names = 'with the names of the classes of COCO' if classes else 'without names of classes'
    return [
        f'{source}: {converted.size.text()}',
        *converted.notes,
        f'{out}: {count / 1e6:.2f} M parameters in the names of mmdet, {names}',
    ]


def letterbox(image: np.ndarray, height: int, width: int) -> Tensor:
    """An image as YOLOX's authors give it to a detector: shrunk or enlarged to fit, padded at the right and bottom.

    Args:
        image: Shape (H, W, 3), BGR, 0 to 255.
        height, width: Of the result, in pixels.

    Returns:
        Shape (1, 3, height, width), float32, BGR, 0 to 255; padding is 114.
    """
    ratio = min(height / image.shape[0], width / image.shape[1])
    rows, columns = (max(int(side * ratio), 1) for side in image.shape[:2])
    padded = np.full((height, width, 3), _PAD, np.uint8)
    padded[:rows, :columns] = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(padded).permute(2, 0, 1)[None].float()


def _from_pth(source: Path, images: str | None) -> Converted:
    if images is not None:
        raise InputError(
            f'images: expected none for {source}, whose batch norm has the statistics of its training; they are for '
            'an .onnx, which has lost them'
        )
    checkpoint = CheckpointLoader.load_checkpoint(str(source), 'cpu', logger='silent')
    state = checkpoint.get('model', checkpoint) if isinstance(checkpoint, Mapping) else None
    if not isinstance(state, Mapping) or not is_yolox_pth(state):
        raise InputError(
            f"{source}: expected a checkpoint of YOLOX's authors, whose 'model' holds names such as "
            'backbone.backbone.stem.conv.conv.weight, got other content; a checkpoint of mmdet needs no conversion'
        )
    weights = from_yolox_pth(state)
    return Converted(weights, require_whole(weights), ['batch norm: as it was trained'])


def _from_onnx(source: Path, images: str | None, max_images: int) -> Converted:
    export = read_export(source)
    size = require_whole(export.weights)
    files = [] if images is None else [image.path for image in find_images(images)]
    files = _spread(files, max_images)
    side = (
        416 if size.width <= 24 else 640
    )  # what the authors train nano and tiny with, and the others
    shape = export.input_size or (side, side)
    weights, note = export.weights, 'batch norm: the folded bias alone; freeze it in training'
    if files:
        weights = recover_norms(
            weights, (_read(f, shape) for f in with_progress(files, 'batch norm'))
        )
        note = f'batch norm: statistics of {len(files)} images at {shape[1]} x {shape[0]}'
    samples = [_read(file, shape) for file in _spread(files, _CHECKED_IMAGES)]
    return Converted(weights, size, [note, _check(source, weights, samples or [_noise(shape)])])


def _check(source: Path, weights: Mapping[str, Tensor], samples: Sequence[Tensor]) -> str:
    """Compare outputs with the export's; a note of how far they are apart.

    Raises:
        ValueError: Too far.
    """
    try:
        difference = largest_difference(source, weights, samples)
    except ImportError as error:
        return f'outputs: not compared with those of {source.name}: {error}'
    if not difference < MAX_DIFFERENCE:
        raise InputError(
            f'{source}: expected outputs within {MAX_DIFFERENCE} of those of the export, got a difference of '
            f'{difference:.3g}: its layers are those of YOLOX in number and shape, but in another order'
        )
    return f'outputs: within {difference:.1e} of those of {source.name} on {len(samples)} image(s)'


def _spread(files: Sequence[str], count: int) -> list[str]:
    """At most ``count`` files, at equal distances."""
    if count < 1:
        raise InputError(f'max_images: expected at least 1, got {count}')
    count = min(count, len(files))
    return [files[i * len(files) // count] for i in range(count)]


def _read(file: str, shape: tuple[int, int]) -> Tensor:
    return letterbox(LoadWholeImage()(dict(img_path=file))['img'], *shape)


def _noise(shape: tuple[int, int]) -> Tensor:
    return torch.rand(1, 3, *shape, generator=torch.Generator().manual_seed(0)) * 255


def _classes(size: YOLOXSize) -> tuple[str, ...]:
    """COCO's for as many classes; of others the names are in no file."""
    coco = CocoDataset.METAINFO['classes']
    return coco if size.num_classes == len(coco) else ()


def _write(out: Path, weights: Mapping[str, Tensor], classes: Sequence[str], source: str) -> None:
    """Write ``.pth`` or ``.safetensors``."""
    weights = {name: tensor.contiguous() for name, tensor in weights.items()}
    if out.suffix == '.safetensors':
        about = {'format': 'pt', 'source': source}
        save = require_package('safetensors.torch', 'safetensors').save
        named = {'classes': json.dumps(classes)} if classes else {}
        write_whole(out, save(weights, metadata={**about, **named}))
        return
    meta: dict[str, Any] = dict(source=source, mmssod_version=__version__)
    if classes:
        meta['dataset_meta'] = dict(classes=classes)
    save_whole(dict(state_dict=weights, meta=meta), out)
