"""The deterministic part of a student's weak view, which a label bank is made for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmssod.datasets.transforms.steps import as_list
from mmssod.environment.errors import InputError

CONSTANT = ('LoadWholeImage', 'LoadImageFromFile', 'Resize')
RANDOM_SIZES = ('RandomResize', 'RandomChoiceResize')
PACK = ('PackDetInputs',)


@dataclass(frozen=True)
class FixedView:
    """A weak view without its randomness.

    Args:
        steps: From the file to the image that the teacher sees, before the flip.
        flips: Whether the weak view is flipped at times.
        other_sizes: Whether it has other sizes, too (multi-scale training); the steps then have that of the tests.
    """

    steps: list[dict[str, Any]]
    flips: bool
    other_sizes: bool

    def as_json(self) -> list[dict[str, Any]]:
        """The steps as json has them, tuples as lists: what two banks are compared by."""
        steps: list[dict[str, Any]] = json.loads(json.dumps(self.steps))
        return steps


def fixed_view(
    pipeline: Mapping[str, Any] | Sequence[Any], test_pipeline: Sequence[Any]
) -> FixedView:
    """The weak view of unlabeled images, each random step replaced by what is constant in it.

    A random size becomes the size of tests; a horizontal flip is left out and noted.

    Args:
        pipeline: Pipeline of the unlabeled images: steps, the last one a ``MultiBranch`` with a branch ``weak``.
        test_pipeline: Pipeline of the tests.

    Raises:
        ValueError: There is no weak view, or a step in it makes the teacher's answer another each time.
    """
    steps = [dict(step) for step in as_list(pipeline)]
    weak = steps[-1].get('weak')
    if weak is None:
        raise InputError(
            "the pipeline of unlabeled images: expected a last step of type 'MultiBranch' with a branch 'weak', got "
            f'{steps[-1].get("type")!r} with {sorted(steps[-1])}'
        )
    kept, flips, other_sizes = [], False, False
    for step in [*steps[:-1], *branch_steps(weak)]:
        kind = step['type']
        if kind in CONSTANT:
            kept.append(plain(step))
        elif kind in RANDOM_SIZES:
            kept.append(resize_of_tests(test_pipeline))
            other_sizes = True
        elif kind == 'RandomFlip' and step.get('direction', 'horizontal') == 'horizontal':
            flips = flips or step.get('prob') != 0
        elif kind not in PACK:
            raise InputError(
                f'the weak view is not the same each time, so its labels cannot be looked up: expected steps among '
                f'{[*CONSTANT, *RANDOM_SIZES, *PACK]} and a horizontal RandomFlip, got {plain(step)}; use a '
                'FrozenTeacher'
            )
    return FixedView(kept, flips, other_sizes)


def branch_steps(branch: Any) -> list[dict[str, Any]]:
    """The steps of a branch: a ``Steps`` (or ``UnseenSteps``), a list, or one transform."""
    if isinstance(branch, Mapping) and branch.get('type') in ('Steps', 'UnseenSteps'):
        order = branch.get('order') or [name for name in branch if name != 'type']
        return [dict(branch[name]) for name in order]
    return [dict(step) for step in (branch if isinstance(branch, (list, tuple)) else [branch])]


def resize_of_tests(test_pipeline: Sequence[Any]) -> dict[str, Any]:
    """The step that sets the size of tests.

    Raises:
        ValueError: There is none.
    """
    for step in test_pipeline:
        if step['type'] == 'Resize':
            return plain(step)
    raise InputError(
        "the weak view's size is random, and a bank labels at the size of tests: expected a Resize in the test "
        f'pipeline, got {[step["type"] for step in test_pipeline]}'
    )


def plain(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step without entries that mean nothing."""
    return {key: value for key, value in step.items() if value is not None}
