"""Pipelines as dicts of named steps, so that a config can change one value of one step."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from mmcv.transforms import BaseTransform, Compose
from mmdet.registry import TRANSFORMS
from mmengine.config import Config

from mmssod.environment.errors import InputError

Pipeline: TypeAlias = Mapping[str, Any] | Sequence[Any]


@TRANSFORMS.register_module()
class Steps(BaseTransform):
    """Applies its keyword arguments, transforms or their configs, in the order given.

    mmengine's configs merge dicts and replace lists: with ``blur=dict(type='GaussianBlur')`` in a
    base, a derived config writes ``blur=dict(prob=0.0)`` instead of the whole pipeline.

    Args:
        order: Names of the steps, in order; without it, as they are given.
        steps: Name of each step -> transform.

    Raises:
        ValueError: ``order`` does not name each step once.
    """

    def __init__(self, *, order: Sequence[str] | None = None, **steps: Any) -> None:
        self.names = list(steps if order is None else order)
        if sorted(self.names) != sorted(steps):
            raise InputError(
                f'order of the steps: expected each of {list(steps)} once, got {self.names}'
            )
        self.compose = Compose([steps[name] for name in self.names])

    def transform(self, results: dict) -> dict | None:
        """All steps one after the other; None as soon as one of them gives None."""
        return self.compose(results)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({", ".join(self.names)})'


def write_order(config: Any) -> None:
    """Let pipelines keep their order in a file of sorted keys, as mmengine writes configs.

    Args:
        config: Changed in place, at any depth: a ``pipeline`` of named steps becomes a list, and a ``Steps`` (or
            ``UnseenSteps``) tells its ``order``.
    """
    if isinstance(config, (dict, Config)):
        if str(config.get('type')).endswith('Steps'):
            config.setdefault('order', [name for name in config if name != 'type'])
        elif isinstance(config.get('pipeline'), Mapping) and 'type' not in config['pipeline']:
            config['pipeline'] = as_list(config['pipeline'])
        for value in config.values():
            write_order(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            write_order(value)


def as_list(pipeline: Pipeline) -> list[Any]:
    """A pipeline of named steps, or a list, as a list."""
    return list(pipeline.values()) if isinstance(pipeline, Mapping) else list(pipeline)
