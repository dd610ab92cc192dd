"""Selects the weights of one detector in a checkpoint, checks that they fit, and computes digests to compare them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

import torch
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from mmssod.environment.errors import InputError

_LEARNED = ('weight', 'bias', 'scale', 'running_mean', 'running_var')
PARTS = {'student': 'student.', 'teacher': 'labeler.teacher.'}


def detector_weights(state_dict: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    """The weights of one detector: of a plain checkpoint all, else those of student or teacher.

    Args:
        state_dict: Weights of a detector, or of a run with teacher and student.
        part: ``'student'`` or ``'teacher'``.

    Raises:
        ValueError: If the run has no such part.
    """
    if not any(name.startswith(PARTS['student']) for name in state_dict):
        return state_dict
    prefix = PARTS[part]
    found = {n.removeprefix(prefix): v for n, v in state_dict.items() if n.startswith(prefix)}
    if not found:
        raise InputError(
            f'the checkpoint is of a run without a {part}: no key starts with {prefix!r}'
        )
    return found


def merge_checkpoints(files: Sequence[str], part: str = 'student') -> dict[str, dict]:
    """One checkpoint for an :class:`~mmssod.models.EnsembleDetector` of several detectors'.

    Args:
        files: Checkpoints in the order of the members.
        part: Which detector of a run with teacher and student is taken, ``'student'`` or ``'teacher'``.

    Returns:
        ``state_dict`` and ``meta``; the latter is the first file's, whose classes count.

    Raises:
        ValueError: If the files were trained on different classes, or one has no such part.
    """
    checkpoints = [CheckpointLoader.load_checkpoint(file, map_location='cpu') for file in files]
    metas = [checkpoint.get('meta', {}) for checkpoint in checkpoints]
    classes = [(meta.get('dataset_meta') or {}).get('classes') for meta in metas]
    for file, found in zip(files, classes, strict=True):
        if found != classes[0]:
            raise InputError(
                f'{files[0]} was trained on {classes[0]}, {file} on {found}; an ensemble needs detectors of '
                'the same classes'
            )
    merged = {
        f'members.{index}.{name}': value
        for index, checkpoint in enumerate(checkpoints)
        for name, value in detector_weights(checkpoint['state_dict'], part).items()
    }
    return {'state_dict': merged, 'meta': {'dataset_meta': metas[0].get('dataset_meta')}}


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of the weights of one detector: the same for each file that holds the same weights.

    Args:
        weights: By name, in any order.
    """
    digest = sha256()
    for name in sorted(weights):
        value = weights[name].detach().cpu().contiguous()
        digest.update(f'{name} {value.dtype} {tuple(value.shape)}\n'.encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def teacher_digest(checkpoint: str) -> str:
    """Digest of the weights that a frozen teacher takes from a checkpoint; of a file that did not change, once.

    Raises:
        FileNotFoundError: There is no such file.
    """
    return _file_digest(os.path.abspath(checkpoint), os.stat(checkpoint).st_mtime_ns)


@lru_cache(maxsize=8)
def _file_digest(checkpoint: str, changed: int) -> str:
    return weights_digest(teacher_weights(checkpoint))


def teacher_weights(checkpoint: str) -> dict[str, Tensor]:
    """The weights that a frozen teacher takes from a checkpoint: all, or of a teacher and student the student's.

    Raises:
        ValueError: They hold NaN or infinity.
    """
    stored = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    weights = detector_weights(stored.get('state_dict', stored), 'student')
    require_finite(checkpoint, weights)
    return weights


def require_finite(checkpoint: str, weights: Mapping[str, Any]) -> None:
    """Raise an error for weights that contain NaN or infinity.

    Raises:
        ValueError: They hold NaN or infinity; names the checkpoint.
    """
    if spoilt := not_finite(weights):
        raise InputError(
            f'{checkpoint}: expected finite weights, got NaN or infinity in {len(spoilt)} of {len(weights)} '
            f'({", ".join(spoilt[:3])}, ...): its training went wrong. Take an earlier checkpoint, or train it again '
            'with a lower rate'
        )


def not_finite(weights: Mapping[str, Any]) -> list[str]:
    """Names of parameters and of batch norm's statistics that hold NaN or infinity, which any label would inherit.

    Args:
        weights: By name; masks and other buffers may hold infinity.
    """
    return [
        name
        for name, value in weights.items()
        if name.endswith(_LEARNED)
        and isinstance(value, Tensor)
        and value.is_floating_point()
        and not bool(value.isfinite().all())
    ]


def detector_digest(detector: Mapping[str, Any]) -> str:
    """SHA-256 of a detector's config as far as its predictions depend on it: without training and initialization."""
    return sha256(json.dumps(_of_predictions(detector), sort_keys=True).encode()).hexdigest()


def _of_predictions(config: Any) -> Any:
    if isinstance(config, Mapping):
        unused = ('train_cfg', 'init_cfg', 'pretrained')
        return {key: _of_predictions(value) for key, value in config.items() if key not in unused}
    if isinstance(config, (list, tuple)):
        return [_of_predictions(part) for part in config]
    return config


class Misfits(NamedTuple):
    """Parameters of a model that a checkpoint does not fill.

    Attributes:
        missing: names without a value in the checkpoint.
        other_shape: what torch says of values of another shape.
        names: of all parameters of the model.
        offered: what the checkpoint has for each parameter and buffer, of whatever shape, by the model's name.
    """

    missing: list[str]
    other_shape: list[str]
    names: list[str]
    offered: dict[str, Tensor]


def load_and_compare(model: nn.Module, state_dict: Mapping[str, Tensor]) -> Misfits:
    """Load weights as mmengine does, and say which parameters they leave as they were.

    mmengine says so in a log line and goes on, and torch tells the one or the other. Buffers are not compared: counts
    and memories start empty.
    """
    missing: list[str] = []
    errors: list[str] = []
    offered: dict[str, Tensor] = {}

    def load(module: nn.Module, weights: dict[str, Tensor], prefix: str) -> None:
        module._load_from_state_dict(weights, prefix, {}, True, missing, [], errors)
        for name in (*module._parameters, *module._buffers):  # as the module has renamed them
            if prefix + name in weights and name not in module._non_persistent_buffers_set:
                offered[prefix + name] = weights[prefix + name]
        for name, child in module._modules.items():
            if child is not None:
                start = f'{prefix}{name}.'
                load(child, {n: v for n, v in weights.items() if n.startswith(start)}, start)

    load(model, {name.removeprefix('module.'): v for name, v in state_dict.items()}, '')
    names = dict(model.named_parameters(remove_duplicate=False))
    return Misfits([name for name in missing if name in names], errors, list(names), offered)
