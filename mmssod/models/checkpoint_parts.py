"""The weights of one detector among those of a checkpoint, and whether they fit."""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn

PARTS = {'student': 'student.', 'teacher': 'labeler.teacher.'}


def detector_weights(state_dict: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    """The weights of one detector: of a plain checkpoint all, else those of student or teacher.

    Args:
        state_dict: Of a detector, or of a run with teacher and student.
        part: ``'student'`` or ``'teacher'``.

    Raises:
        ValueError: If the run has no such part.
    """
    if not any(name.startswith(PARTS['student']) for name in state_dict):
        return state_dict
    prefix = PARTS[part]
    found = {n.removeprefix(prefix): v for n, v in state_dict.items() if n.startswith(prefix)}
    if not found:
        raise ValueError(
            f'the checkpoint is of a run without a {part}: no key starts with {prefix!r}'
        )
    return found


class Misfits(NamedTuple):
    """Parameters of a model that a checkpoint does not fill.

    Attributes:
        missing: names without a value in the checkpoint.
        other_shape: what torch says of values of another shape.
        names: of all parameters of the model.
    """

    missing: list[str]
    other_shape: list[str]
    names: list[str]


def load_and_compare(model: nn.Module, state_dict: Mapping[str, Tensor]) -> Misfits:
    """Load weights as mmengine does, and say which parameters they leave as they were.

    mmengine says so in a log line and goes on, and torch tells the one or the other. Buffers are not compared: counts
    and memories start empty.
    """
    missing: list[str] = []
    errors: list[str] = []

    def load(module: nn.Module, weights: dict[str, Tensor], prefix: str) -> None:
        module._load_from_state_dict(weights, prefix, {}, True, missing, [], errors)
        for name, child in module.named_children():
            start = f'{prefix}{name}.'
            load(child, {n: v for n, v in weights.items() if n.startswith(start)}, start)

    load(model, {name.removeprefix('module.'): v for name, v in state_dict.items()}, '')
    names = dict(model.named_parameters(remove_duplicate=False))
    return Misfits([name for name in missing if name in names], errors, list(names))
