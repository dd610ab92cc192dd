"""Views that record only their geometry: pixels are not transformed, since labels come from a bank."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from mmcv import rescale_size
from mmdet.datasets.transforms import PackDetInputs, RandomFlip, Resize
from mmdet.registry import MODELS, TRANSFORMS

from mmssod.datasets.transforms.steps import Steps
from mmssod.environment.errors import InputError
from mmssod.structures import Problem


@TRANSFORMS.register_module()
class UnseenSteps(Steps):
    """:class:`Steps` of a view that nobody looks at: each step records what it would do to the image.

    The random numbers drawn, and all that the sample tells (flip, size, homography), are those of the same steps with
    pixels, so that in a recipe ``views.weak.type='UnseenSteps'`` changes nothing else. The packed sample has ``inputs``
    ``None``.

    Args:
        order: As :class:`Steps` has it.
        steps: Name of each step -> config; ``Resize``, ``RandomFlip`` and ``PackDetInputs``.

    Raises:
        ValueError: For a step of another type.
    """

    @staticmethod
    def config_problems(node: Mapping[str, Any], cfg: Mapping[str, Any]) -> Iterator[Problem]:
        """A labeler that looks at the pixels which are not there."""
        labeler = (cfg.get('model') or {}).get('labeler') or {}
        kind = labeler.get('type')
        found = MODELS.get(kind) if isinstance(kind, str) else kind
        if getattr(found, 'needs_pixels', True):
            yield Problem(
                'weak views without pixels (UnseenSteps) and a labeler that looks at them',
                "model.labeler.type='LabelBank'",
                f'{kind!r}',
                "take a bank, or set unlabeled.pipeline.views.weak.type='Steps'",
            )

    def __init__(self, *, order: Sequence[str] | None = None, **steps: Any) -> None:
        super().__init__(order=order, **{name: unseen(step) for name, step in steps.items()})

    def transform(self, results: dict) -> dict | None:
        """All steps on a stand-in for the image."""
        return super().transform({**results, 'img': stand_in(results['img'].shape)})


def unseen(step: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a step's counterpart without pixels."""
    kind = step['type']
    if kind not in COUNTERPARTS:
        raise InputError(
            f'UnseenSteps: expected steps whose geometry is known without pixels, {sorted(COUNTERPARTS)}, got '
            f"{kind!r}; give the weak view type='Steps' to make it with pixels"
        )
    return {**step, 'type': COUNTERPARTS[kind]}


def stand_in(shape: tuple[int, ...]) -> np.ndarray:
    """An array of the shape of an image, in one byte."""
    return np.broadcast_to(np.uint8(0), shape)


@TRANSFORMS.register_module()
class UnseenFlip(RandomFlip):
    """mmdet's ``RandomFlip`` of an image that nobody looks at."""

    def _flip(self, results: dict) -> None:
        self._record_homography_matrix(results)


@TRANSFORMS.register_module()
class UnseenResize(Resize):
    """mmdet's ``Resize`` of an image that nobody looks at."""

    def _resize_img(self, results: dict) -> None:
        height, width, *channels = results['img'].shape
        scale = results['scale']
        new_width, new_height = rescale_size((width, height), scale) if self.keep_ratio else scale
        results['img'] = stand_in((new_height, new_width, *channels))
        results['img_shape'] = (new_height, new_width)
        results['scale_factor'] = (new_width / width, new_height / height)
        results['keep_ratio'] = self.keep_ratio


@TRANSFORMS.register_module()
class PackUnseen(PackDetInputs):
    """mmdet's ``PackDetInputs`` for a sample whose image is not used."""

    def transform(self, results: dict) -> dict:
        """The sample, and ``None`` for its image."""
        told = {key: value for key, value in results.items() if key != 'img'}
        return {'inputs': None, **super().transform(told)}


COUNTERPARTS = {'Resize': 'UnseenResize', 'RandomFlip': 'UnseenFlip', 'PackDetInputs': 'PackUnseen'}
