"""Weights, classes and certainties of the foreground samples that a head assigned in one step.

``N`` places of all images, ``n`` of them foreground.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from mmdet.models.task_modules import AssignResult
from torch import Tensor


class WatchedAssigner:
    """An assigner that remembers, of its last call, the weights and classes of the boxes that places were assigned to.

    Args:
        assigner: The one that assigns.
    """

    def __init__(self, assigner: Any) -> None:
        self.assigner = assigner
        self.signature = inspect.signature(assigner.assign)
        self.forget()

    def __getattr__(self, name: str) -> Any:
        if name == 'assigner':  # not made yet, as in a copy
            raise AttributeError(name)
        return getattr(self.assigner, name)

    def forget(self) -> None:
        """As before any call."""
        self.weights: Tensor | None = (
            None  # of the n foreground places in their order; None where boxes have none
        )
        self.labels = torch.zeros(0, dtype=torch.long)

    def assign(self, *args: Any, **kwargs: Any) -> AssignResult:
        """As the assigner's."""
        result = self.assigner.assign(*args, **kwargs)
        boxes = self.signature.bind(*args, **kwargs).arguments['gt_instances']
        assigned = result.gt_inds[result.gt_inds > 0] - 1
        self.weights = boxes.weights[assigned] if 'weights' in boxes else None
        self.labels = boxes.labels[assigned]
        return result


@dataclass
class Foreground:
    """What one call of a head's losses shows of its foreground places.

    Args:
        weights: Weights of the foreground places, shape (n,); None where the losses are weighed by their targets.
        mask: Which of all places are foreground, shape (N,).
        labels: Classes, shape (n,).
        p: Certainty of the class, shape (n,).
        v: Certainty of the place, shape (n,).
    """

    weights: Tensor | None = None
    mask: Tensor | None = None
    labels: Tensor | None = None
    p: Tensor | None = None
    v: Tensor | None = None

    def add_image(self, mask: Tensor, weights: Tensor | None, labels: Tensor) -> None:
        """Places of one more image: shapes (its places,), (its foreground,), (its foreground,)."""
        count = int(mask.sum())
        given = (
            weights if weights is not None and count else mask.new_ones(count, dtype=torch.float)
        )
        self.mask = _joined(self.mask, mask)
        self.weights = _joined(self.weights, given)
        self.labels = _joined(self.labels, labels.to(mask.device))

    def everywhere(self) -> Tensor:
        """Weights of all places, 1 in the background, shape (N,)."""
        assert self.mask is not None and self.weights is not None
        return torch.ones_like(self.mask, dtype=self.weights.dtype).masked_scatter(
            self.mask, self.weights
        )


def _joined(first: Tensor | None, second: Tensor) -> Tensor:
    return second if first is None else torch.cat([first, second])
