"""Pipelines as dicts of named steps, so that a config changes one number of one step."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from mmcv.transforms import BaseTransform, Compose
from mmdet.registry import TRANSFORMS

Pipeline: TypeAlias = Mapping[str, Any] | Sequence[Any]


@TRANSFORMS.register_module()
class Steps(BaseTransform):
    """Applies its keyword arguments, transforms or their configs, in the order given.

    mmengine's configs merge dicts and replace lists: with ``blur=dict(type='GaussianBlur')`` in a
    base, an heir writes ``blur=dict(prob=0.0)`` instead of the whole pipeline.

    Args:
        steps: Name of each step -> transform.
    """

    def __init__(self, **steps: Any) -> None:
        self.names = list(steps)
        self.compose = Compose(list(steps.values()))

    def transform(self, results: dict) -> dict | None:
        """All steps one after the other; None as soon as one of them gives None."""
        return self.compose(results)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({", ".join(self.names)})'


def as_list(pipeline: Pipeline) -> list[Any]:
    """A pipeline of named steps, or a list, as a list."""
    return list(pipeline.values()) if isinstance(pipeline, Mapping) else list(pipeline)
