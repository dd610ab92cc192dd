"""Thresholds per class from a Gaussian mixture of recent certainties. ``M`` classes, ``N`` kept certainties each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.registry import MODELS
from mmengine.dist import all_gather
from torch import Tensor
from torch.nn.functional import one_hot

from mmssod import equations
from mmssod.environment.errors import InputError
from mmssod.models.pseudo import ClassBalancer
from mmssod.models.pseudo.mixture import fit_two


@MODELS.register_module()
class MixtureBalancer(ClassBalancer):
    """Fits two Gaussians to each class's recent certainties; candidates in the upper one become pseudo labels.

    The threshold is the certainty at which the mixture is densest, among those that rather belong to the upper
    component. It moves with the teacher by itself, where a fixed one gives few boxes first and too many later.

    Certainties of all processes are kept in one order, so every process holds the same. Take it with
    :class:`KeepExpected`, without which most candidates are those that a detector gives up on.

    Source: Wang et al., "Consistent-Teacher", CVPR 2023, and its public code.

    Args:
        num_classes: ``M``.
        recent: ``N``, 100 in the source.
        least: A class with fewer certainties than this keeps ``threshold``, at least 2; 4 in the source.
        tolerance: Change of the mean log-likelihood at which the fit ends. The source's 1e-3, scikit-learn's default,
            ends it after about three steps, with both components near the middle: the threshold is then the certainty
            above the mean where the most lie. 1e-6 finds the two kinds.
        kwargs: As :class:`ClassBalancer`. ``threshold`` holds before a class has a mixture. With
            ``threshold_power`` (DT) the mixture's threshold takes the place of tau in Eq. 6, with its bounds; weights
            by class (RE) combine.

    Raises:
        ValueError: For values outside these ranges.
    """

    def __init__(
        self,
        num_classes: int,
        recent: int = 100,
        least: int = 4,
        tolerance: float = 1e-3,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, **kwargs)
        if not 2 <= least <= recent or not tolerance >= 0:
            raise InputError(
                f'expected 2 <= least <= recent and tolerance >= 0, got least={least}, recent={recent}, '
                f'tolerance={tolerance}'
            )
        self.tolerance = tolerance
        self.recent = recent
        self.least = least
        self.queue: Tensor
        self.fitted: Tensor
        self.register_buffer(
            'queue', torch.zeros(num_classes, recent)
        )  # the newest first, 0 is none
        self.register_buffer('fitted', torch.full((num_classes,), float(self.threshold)))

    @torch.no_grad()
    def observe(self, labels: Sequence[Tensor], certainties: Sequence[Tensor]) -> None:
        """Keep the certainties of one step and fit anew; arguments as :meth:`ClassBalancer.observe`."""
        new = rows_by_class(torch.cat(list(labels)), torch.cat(list(certainties)), self.queue)
        # Of a fixed shape, so that no process has to say first how many it has.
        joined = torch.cat([*all_gather(new), self.queue], dim=1)
        newest = (joined == 0).to(torch.uint8).argsort(dim=1, stable=True)[:, : self.recent]
        self.queue.copy_(joined.gather(1, newest))
        self.fitted.copy_(self._fit())

    def _fit(self) -> Tensor:
        """The mixtures' thresholds, ``threshold`` where there is none, shape (M,)."""
        filled = self.queue > 0
        mixture = fit_two(self.queue, filled, tolerance=self.tolerance)
        joint = mixture.log_joint(self.queue.double())
        upper = (joint[..., 1] > joint[..., 0]) & filled
        density = joint.logsumexp(dim=2).masked_fill(~upper, -torch.inf)
        densest = self.queue.gather(1, density.argmax(dim=1, keepdim=True)).squeeze(1)
        known = upper.any(dim=1) & (filled.sum(dim=1) >= self.least)
        return torch.where(known, densest, torch.full_like(densest, self.threshold))

    def thresholds(self) -> Tensor:
        """The certainty that a box of each class must exceed, shape (M,)."""
        if self.threshold_power == 0:
            return self.fitted.clone()
        factors = equations.class_thresholds(
            self.certainty_sum, self.count, 1.0, self.threshold_power, (0.0, float('inf'))
        )
        return (self.fitted * factors).clamp(*self.bounds)


def rows_by_class(labels: Tensor, values: Tensor, like: Tensor) -> Tensor:
    """Values in rows of their class, filled up with zeros; shape, type and device of ``like``, (M, N).

    Args:
        labels: Classes in [0, M), shape (K,).
        values: Shape (K,); of a class with more than ``N`` the first stay, NaN counts as none.
        like: Not changed.
    """
    classes = one_hot(labels, like.size(0))
    places = (classes.cumsum(dim=0) * classes).sum(dim=1) - 1
    rows = torch.zeros_like(like)
    fit = places < like.size(1)
    rows[labels[fit], places[fit]] = values[fit].nan_to_num(0.0).to(like)
    return rows
