r"""Focal losses of Lin et al., *Focal Loss for Dense Object Detection* (ICCV 2017), with their gradients.

.. math:: FL(p_t) = -\alpha_t (1 - p_t)^\gamma \log p_t

:math:`p_t` is the probability of the truth. Of N x C independent sigmoids it is p at the row's class and
1 - p elsewhere, so with z = x at the class and z = -x elsewhere :math:`p_t = \sigma(z)`,
:math:`1 - p_t = \sigma(-z)`, and both cases are one formula.

Legend
    N      rows: boxes, anchors or points
    C      classes without background
    input  (N, C) logits x, or probabilities after the softmax
    target (N,) int64 class of each row; any other number than 0 ... C - 1 is background
    weight (C,) weight of each class, or empty for 1; background rows weigh 1 (mmcv's kernel reads past the
           end of the weights there)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mmssod.ops.kernels.numerics import compute_dtype


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Sigmoid focal loss of each entry, written into ``output``.

    Args:
        input: (N, C) logits.
        target: (N,) classes; background rows have no entry with ``alpha``.
        weight: (C,) or empty.
        output: (N, C), overwritten.
        gamma: exponent, 0 or more.
        alpha: weight of the row's class; all other entries have ``1 - alpha``.
    """
    hit, z = _truth(input, target)
    loss = torch.sigmoid(-z).pow_(gamma).mul_(F.logsigmoid(z)).neg_()
    output.copy_(_weigh(loss, hit, target, weight, alpha))


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    r"""Derivative of each entry's loss by its logit, written into ``grad_input``.

    .. math:: \frac{dFL}{dz} = \alpha_t (1 - p_t)^\gamma (\gamma p_t \log p_t - (1 - p_t))

    Args:
        input: (N, C) logits.
        target: as in the forward pass.
        weight: as in the forward pass.
        grad_input: (N, C), overwritten.
        gamma: as in the forward pass.
        alpha: as in the forward pass.
    """
    hit, z = _truth(input, target)
    miss = torch.sigmoid(-z)
    slope = torch.sigmoid(z).mul_(F.logsigmoid(z)).mul_(gamma).sub_(miss).mul_(miss.pow_(gamma))
    slope = torch.where(hit, slope, -slope)  # dz/dx
    grad_input.copy_(_weigh(slope, hit, target, weight, alpha))


def softmax_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Softmax focal loss of each row, written into ``output``; 0 for background.

    Args:
        input: (N, C) probabilities, each row a softmax.
        target: (N,) classes.
        weight: (C,) or empty.
        output: (N,), overwritten.
        gamma: exponent, 0 or more.
        alpha: weight of all rows.
    """
    known, p = _own_probability(input, target)
    loss = (1 - p).pow_(gamma).mul_(_safe_log(p)).mul_(-alpha)
    output.copy_(loss * _row_weight(weight, target, p) * known)


def softmax_focal_loss_backward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    buff: Tensor,
    grad_input: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Derivative of each row's loss by its logits, written into ``grad_input``.

    Args:
        input: (N, C) probabilities, each row a softmax.
        target: as in the forward pass.
        weight: as in the forward pass.
        buff: (N,), scratch memory of mmcv's kernel, not used.
        grad_input: (N, C), overwritten; by the logits that the softmax was taken of.
        gamma: as in the forward pass.
        alpha: as in the forward pass.
    """
    known, p = _own_probability(input, target)
    # At p = 1 and gamma < 1 the power is infinite and the logarithm 0: their product has the limit 0.
    rest = (1 - p).clamp_(min=torch.finfo(p.dtype).tiny)
    slope = gamma * rest.pow(gamma - 1) * p * _safe_log(p) - (1 - p).pow(gamma)
    slope = slope * alpha * _row_weight(weight, target, p) * known
    grad_input.copy_(slope[:, None] * (_hits(input, target).to(p.dtype) - input.to(p.dtype)))


def _hits(input: Tensor, target: Tensor) -> Tensor:
    """(N, C) bool, true at each row's class."""
    return target[:, None] == torch.arange(input.shape[1], device=input.device)


def _truth(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Where the row's class is, (N, C) bool, and z, the logit of the truth, (N, C)."""
    hit = _hits(logits, target)
    x = logits.to(compute_dtype(logits))
    return hit, torch.where(hit, x, -x)


def _weigh(entries: Tensor, hit: Tensor, target: Tensor, weight: Tensor, alpha: float) -> Tensor:
    """``entries`` (N, C), changed in place, times the alpha of each entry and the weight of each row."""
    own, other = entries.new_full((), alpha), entries.new_full((), 1 - alpha)
    entries.mul_(torch.where(hit, own, other))
    return entries.mul_(_row_weight(weight, target, entries)[:, None]) if len(weight) else entries


def _row_weight(weight: Tensor, target: Tensor, like: Tensor) -> Tensor:
    """(N,) weight of each row's class, in the type of ``like``."""
    if len(weight) == 0:
        return like.new_ones(len(target))
    foreground = (target >= 0) & (target < len(weight))
    of_class = weight[target.clamp(0, len(weight) - 1)].to(like.dtype)
    return torch.where(foreground, of_class, like.new_ones(()))


def _own_probability(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Which rows have a class, (N,) bool, and the probability p of it, (N,), anything elsewhere."""
    known = (target >= 0) & (target < input.shape[1])
    own = input.gather(1, target.clamp(0, input.shape[1] - 1)[:, None])[:, 0]
    return known, own.to(compute_dtype(input))


def _safe_log(p: Tensor) -> Tensor:
    """Logarithm of p, finite at 0."""
    return p.clamp(min=torch.finfo(p.dtype).tiny).log_()
