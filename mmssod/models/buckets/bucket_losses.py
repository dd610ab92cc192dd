"""Eq. 3 and the second term of Eq. 5 as loss modules, so that configs can replace them.

``N`` boxes, ``K`` buckets per side; sides left, top, right, bottom. A target has shape (N, 2, 4, K): what to answer at
0, and 1 where that counts, else 0, at 1.
"""

from __future__ import annotations

import torch
from mmdet.models.losses.utils import weight_reduce_loss
from mmdet.registry import MODELS
from torch import Tensor, nn

from mmssod import equations
from mmssod.environment.errors import InputError

REDUCTIONS = ('none', 'mean', 'sum')


class _BoxLoss(nn.Module):
    """A loss with one value per box, reduced as mmdet's losses are.

    Args:
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: Factor of the loss. The equations sum over the four sides; a quarter makes it their mean.

    Raises:
        ValueError: For another ``reduction``.
    """

    def __init__(self, reduction: str = 'sum', loss_weight: float = 0.25) -> None:
        super().__init__()
        if reduction not in REDUCTIONS:
            raise InputError(f'reduction must be one of {REDUCTIONS}, got {reduction!r}')
        self.reduction = reduction
        self.loss_weight = loss_weight

    def per_box(self, pred: Tensor, target: Tensor) -> Tensor:
        """The loss of each box, shape (N,)."""
        raise NotImplementedError

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """The loss as mmdet's heads call it.

        Args:
            pred: Shape (N, 4, K).
            target: Shape (N, 2, 4, K), see the module.
            weight: Weight of each box, at least 0, shape (N,) or (N, 1).
            avg_factor: What the weighted sum is divided by, with reduction ``'mean'``; N by default.
            reduction_override: In the place of ``reduction``.

        Returns:
            A scalar, or shape (N,) with reduction ``'none'``; 0 with a gradient path when N is 0.

        Raises:
            ValueError: For an unknown ``reduction_override``.
        """
        reduction = reduction_override or self.reduction
        if reduction not in REDUCTIONS:
            raise InputError(f'reduction_override must be one of {REDUCTIONS}, got {reduction!r}')
        if reduction == 'mean' and avg_factor is None:
            avg_factor = max(len(pred), 1)
        # Autocast would compute the sums over buckets in half precision.
        with torch.autocast(pred.device.type, enabled=False):
            losses = self.per_box(pred.float(), target.float())
            weight = None if weight is None else weight.float().reshape(-1)
            return self.loss_weight * weight_reduce_loss(losses, weight, reduction, avg_factor)


@MODELS.register_module()
class BucketLoss(_BoxLoss):
    """Eq. 3: the binary cross-entropy of all buckets that count; predictions are logits.

    See :class:`_BoxLoss` for the arguments and :func:`mmssod.equations.segment_loss` for the equation.
    """

    def per_box(self, pred: Tensor, target: Tensor) -> Tensor:
        """The loss of each box, shape (N,)."""
        labels, weights = target.unbind(dim=1)
        return equations.segment_loss(pred, labels, weights)


@MODELS.register_module()
class BucketOffsetLoss(_BoxLoss):
    """The second term of Eq. 5: smooth L1 between offsets, in units of the coder's reach.

    Args:
        beta: Where smooth L1 turns from square to line, in the same units, above 0.
        reduction, loss_weight: As in :class:`BucketLoss`.

    Raises:
        ValueError: For another ``beta`` or ``reduction``.
    """

    def __init__(
        self, beta: float = 0.1, reduction: str = 'sum', loss_weight: float = 0.25
    ) -> None:
        super().__init__(reduction, loss_weight)
        if beta <= 0:
            raise InputError(f'beta must be above 0, got {beta}; 0.1 is usual')
        self.beta = beta

    def per_box(self, pred: Tensor, target: Tensor) -> Tensor:
        """The loss of each box, shape (N,)."""
        offsets, weights = target.unbind(dim=1)
        return equations.offset_loss(pred, offsets, weights, beta=self.beta)
