"""Names, scales and splits the loss dicts of a step: pure functions."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from mmssod.environment.errors import InputError

Loss: TypeAlias = Tensor | list[Tensor]

FOREGROUND_KEYS = ('fg_certainty', 'fg_count')


def split_foreground(losses: Mapping[str, Loss]) -> tuple[dict[str, Loss], list[Tensor]]:
    """Take the sums of Eq. 6 out of a detector's losses.

    Returns:
        The other entries, and ``[certainty sum, count]``; the list is empty when the detector gives none.
    """
    rest = {name: value for name, value in losses.items() if name not in FOREGROUND_KEYS}
    return rest, [losses[name] for name in FOREGROUND_KEYS if name in losses]  # type: ignore[misc]


def scale_losses(
    losses: Mapping[str, Loss], factor: float | Tensor, weights: Mapping[str, float]
) -> dict[str, Loss]:
    """Multiply each loss by a common factor and its own weight; entries that are no loss stay.

    Args:
        losses: As a detector's ``loss`` gives them.
        factor: For all of them.
        weights: By name, as :func:`require_losses` has them; a loss that is not named keeps weight 1.

    Raises:
        ValueError: If ``weights`` names a loss that the detector does not have.
    """
    require_losses(weights, losses)
    return {
        name: _scaled(value, factor * weights.get(name, weights.get(without_stage(name), 1.0)))
        if 'loss' in name
        else value
        for name, value in losses.items()
    }


def require_losses(names: Iterable[str], losses: Mapping[str, Loss]) -> None:
    """Check that a detector has losses of these names.

    Args:
        names: As the detector gives them, or without the stage of a cascade: ``loss_bbox`` is ``s0.loss_bbox`` and
            those of the other stages.
        losses: Losses of the detector.

    Raises:
        ValueError: One is not there.
    """
    unknown = sorted(set(names) - set(losses) - set(map(without_stage, losses)))
    if unknown:
        known = sorted(name for name in losses if 'loss' in name)
        raise InputError(f'loss weights name {unknown}, but the detector gives {known}')


def without_stage(name: str) -> str:
    """The name of a loss as a detector of one stage has it."""
    return re.sub(r'^s\d+\.', '', name)


def mean_losses(results: Sequence[Mapping[str, Loss]]) -> dict[str, Loss]:
    """The mean of several loss dicts of the same names, as of several views of the same images; one stays as it is."""
    if len(results) == 1:
        return dict(results[0])
    return {name: _mean([losses[name] for losses in results]) for name in results[0]}


def prefix_losses(prefix: str, losses: Mapping[str, Loss]) -> dict[str, Loss]:
    """Put a prefix before each name."""
    return {prefix + name: value for name, value in losses.items()}


def _scaled(value: Loss, factor: float | Tensor) -> Loss:
    if isinstance(value, list):
        return [part * factor for part in value]
    return value * factor


def _mean(values: Sequence[Loss]) -> Loss:
    if isinstance(values[0], list):
        return [_mean(parts) for parts in zip(*values, strict=True)]  # type: ignore[misc]
    return torch.stack(values).mean(dim=0)  # type: ignore[arg-type]
