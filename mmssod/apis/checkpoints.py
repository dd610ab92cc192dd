"""Checkpoints made of other checkpoints."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.runner import CheckpointLoader

from mmssod.environment.errors import InputError
from mmssod.models.checkpoint_parts import detector_weights


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
