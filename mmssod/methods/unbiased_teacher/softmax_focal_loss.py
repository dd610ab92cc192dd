"""Softmax focal loss: easy RoIs count less, for every class. ``N`` RoIs, ``C`` classes with background."""

import torch
import torch.nn.functional as F
from mmdet.models.losses.utils import weight_reduce_loss
from mmdet.registry import MODELS
from torch import Tensor, nn

from mmssod.environment.errors import InputError

REDUCTIONS = ('none', 'mean', 'sum')


def softmax_focal_loss(cls_score: Tensor, labels: Tensor, gamma: float) -> Tensor:
    r"""The loss of each RoI.

    .. math:: -(1 - p)^\gamma \log p

    with p the softmax probability of the RoI's own class; gamma 0 is cross-entropy.

    Args:
        cls_score: Logits, shape (N, C).
        labels: Classes in [0, C), shape (N,).
        gamma: Power, 0 or at least 1; between them the gradient is infinite at p = 1.

    Returns:
        Shape (N,), float32 at least.
    """
    scores = cls_score if cls_score.dtype == torch.float64 else cls_score.float()
    entropy = F.cross_entropy(scores, labels, reduction='none')
    return (-torch.expm1(-entropy)) ** gamma * entropy


@MODELS.register_module()
class SoftmaxFocalLoss(nn.Module):
    """Classification loss of Unbiased Teacher's RoI head, instead of mmdet's ``CrossEntropyLoss``.

    The head stays a softmax over ``num_classes + 1``; mmdet's own ``FocalLoss`` is over sigmoids, one a class.

    Args:
        gamma: See :func:`softmax_focal_loss`.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: Factor of the loss.

    Raises:
        ValueError: For another ``gamma`` or ``reduction``.

    Source: Liu et al., "Unbiased Teacher for Semi-Supervised Object Detection", 2021, gamma 1.5.
    """

    def __init__(
        self, gamma: float = 1.5, reduction: str = 'mean', loss_weight: float = 1.0
    ) -> None:
        super().__init__()
        if gamma != 0 and not gamma >= 1:
            raise InputError(f'gamma must be 0 (cross-entropy) or at least 1, got {gamma}')
        if reduction not in REDUCTIONS:
            raise InputError(f'reduction must be one of {REDUCTIONS}, got {reduction!r}')
        self.gamma = gamma
        self.reduction = reduction
        self.loss_weight = loss_weight

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """The loss as mmdet's box heads call it.

        Args:
            cls_score: Logits, shape (N, C).
            label: Classes in [0, C), shape (N,).
            weight: Weight of each RoI, shape (N,).
            avg_factor: What the weighted sum is divided by, with reduction ``'mean'``; N by default.
            reduction_override: In the place of ``reduction``.

        Returns:
            A scalar, or shape (N,) with reduction ``'none'``.

        Raises:
            ValueError: For an unknown ``reduction_override``.
        """
        reduction = reduction_override or self.reduction
        if reduction not in REDUCTIONS:
            raise InputError(f'reduction_override must be one of {REDUCTIONS}, got {reduction!r}')
        losses = softmax_focal_loss(cls_score, label, self.gamma)
        return self.loss_weight * weight_reduce_loss(losses, weight, reduction, avg_factor)
