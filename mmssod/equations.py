"""Equations 1-6 of the paper, in its order: pure tensor functions without config, state or mmdet.

Li, Wu, Shrivastava, Davis, "Rethinking Pseudo Labels for Semi-Supervised Object Detection".

Shapes: ``N`` candidate boxes (RoIs), ``M`` classes, ``K`` buckets (the paper's intervals) a side; the
four sides come in the order of box columns: left, top, right, bottom.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

# The least ratio of Eq. 6. A class without any certainty gets this one instead of zero, so that its
# weight stays finite: ratio ** -0.6 = 3981 at 1e-6.
MIN_RATIO = 1e-6


def expectation_over_boxes(loss: Tensor, weight: Tensor, num_boxes: float) -> Tensor:
    r"""The mean over candidate boxes of Eq. 1, with a weight per box.

    .. math:: \mathbb{E}_{i \sim \mathcal{B}}\, w^i \ell^i

    The sum is divided by the number of boxes and not by the sum of weights: a weight of two doubles
    what its box contributes, as the paper's "multiplied to losses" asks.

    Args:
        loss: Loss of each box, ``ell_cls + ell_loc`` or a part of it, shape (N,).
        weight: Weight of each box, at least 0, shape (N,).
        num_boxes: Number of boxes that were sampled, those without this loss (background) included.

    Returns:
        Scalar; 0 with a gradient path when ``N`` is 0.
    """
    return (loss * weight).sum() / max(num_boxes, 1.0)


def total_loss(supervised: Tensor, unsupervised: Tensor, unsup_weight: float = 1.0) -> Tensor:
    r"""Eq. 2: :math:`\mathcal{L} = \mathcal{L}_s + \lambda_u \mathcal{L}_u`.

    In training the losses stay apart, for the log, and the runner adds them up; a test holds that sum to this one.

    Args:
        supervised: Loss on labeled images, any shape.
        unsupervised: Loss on unlabeled images, same shape.
        unsup_weight: :math:`\lambda_u`, 1 in the paper.
    """
    return supervised + unsup_weight * unsupervised


def segment_loss(bucket_logits: Tensor, bucket_labels: Tensor, bucket_weights: Tensor) -> Tensor:
    r"""Eq. 3: which bucket of its segment does each side lie in?

    .. math:: \ell_{seg}^i = \sum_{s=1}^{4} \sum_{k=1}^{K} \mathrm{BCE}(\sigma(t_{s,k}^i), y_{s,k}^i)

    The paper prints only the positive term :math:`-y \log \sigma(t)`, whose minimum is to answer
    "yes" to every bucket; the binary cross-entropy has the negative term too.

    Args:
        bucket_logits: Scores before the sigmoid, shape (N, 4, K).
        bucket_labels: 1 at the side's bucket, else 0, shape (N, 4, K).
        bucket_weights: 0 at buckets to leave out, else 1, shape (N, 4, K).

    Returns:
        Loss of each box, shape (N,).
    """
    loss = F.binary_cross_entropy_with_logits(
        bucket_logits.float(), bucket_labels, weight=bucket_weights, reduction='none'
    )
    return loss.sum(dim=(-2, -1))


def localization_certainty(bucket_logits: Tensor) -> Tensor:
    r"""Eq. 4: how sure is the head of where the four sides are?

    .. math:: v^i = \frac{1}{4} \sum_{s=1}^{4} \max_{1 \le k \le K} \sigma(t_{s,k}^i)

    The paper writes the maximum of the unnormalized score; the sigmoid is the probability that Eq. 3
    trains, and keeps ``v`` in (0, 1).

    Args:
        bucket_logits: Scores before the sigmoid, shape (..., 4, K).

    Returns:
        Localization certainty in [0, 1], shape (...).
    """
    return bucket_logits.float().amax(dim=-1).sigmoid().mean(dim=-1)


def mean_peak(probabilities: Tensor) -> Tensor:
    r"""Eq. 4 where the choice of a place was trained as a distribution, which sums to 1 over the places of a side.

    Args:
        probabilities: In [0, 1], shape (..., 4, K).

    Returns:
        The mean over the four sides of the greatest probability, shape (...).
    """
    return probabilities.amax(dim=-1).mean(dim=-1)


def offset_loss(offsets: Tensor, targets: Tensor, weights: Tensor, beta: float = 0.1) -> Tensor:
    r"""The second term of Eq. 5: smooth L1 from a bucket's center line to the true side.

    Args:
        offsets: Predicted offsets in any unit of length, shape (N, 4, K).
        targets: True offsets in the same unit, shape (N, 4, K).
        weights: Above 0 at the buckets that learn, else 0, shape (N, 4, K).
        beta: Where smooth L1 turns from square to line, in the same unit.

    Returns:
        Loss of each box, shape (N,).
    """
    loss = F.smooth_l1_loss(offsets.float(), targets, beta=beta, reduction='none')
    return (loss * weights).sum(dim=(-2, -1))


def localization_loss(segment: Tensor, offset: Tensor) -> Tensor:
    r"""Eq. 5: :math:`\ell_{loc} = \ell_{seg} + \ell_{reg}`, each of shape (N,).

    In training the two stay apart, for the log; a test holds the box head's losses to this sum.
    """
    return segment + offset


def class_thresholds(
    certainty_sum: Tensor,
    count: Tensor,
    base: float,
    power: float,
    bounds: tuple[float, float] = (0.4, 0.9),
) -> Tensor:
    r"""Eq. 6, left: a threshold for each class, lower where the detector has seen or trusts little.

    .. math:: \tau_m = \left( \frac{\sum_j p_m^j v_m^j}{\mathbb{E}_m \sum_j 1} \right)^{\gamma_1} \tau

    Args:
        certainty_sum: Sum of ``p * v`` over each class's foreground candidates, shape (M,).
        count: Number of foreground candidates of each class, shape (M,).
        base: :math:`\tau`, 0.7 in the paper.
        power: :math:`\gamma_1`, 0.05 in the paper; 0 gives ``base`` exactly, bounds or not.
        bounds: Minimum and maximum threshold.

    Returns:
        Thresholds, shape (M,).

    Raises:
        ValueError: If the shapes differ or the bounds are crossed.
    """
    low, high = bounds
    if low > high:
        raise ValueError(f'bounds must be (low, high) with low <= high, got {bounds}')
    ratio = certainty_ratio(certainty_sum, count)
    if power == 0:
        return torch.full_like(ratio, base)
    return (ratio**power * base).clamp(low, high)


def class_weights(certainty_sum: Tensor, count: Tensor, power: float) -> Tensor:
    r"""Eq. 6, right: a loss weight for each class, higher where the detector has seen or trusts little.

    .. math:: \alpha_m = \left( \frac{\mathbb{E}_m \sum_j 1}{\sum_j p_m^j v_m^j} \right)^{\gamma_2}

    Args:
        certainty_sum: Sum of ``p * v`` over each class's foreground candidates, shape (M,).
        count: Number of foreground candidates of each class, shape (M,).
        power: :math:`\gamma_2`, 0.6 in the paper; 0 gives 1 exactly.

    Returns:
        Weights, finite, shape (M,).
    """
    return certainty_ratio(certainty_sum, count) ** -power


def certainty_ratio(certainty_sum: Tensor, count: Tensor) -> Tensor:
    """What Eq. 6 takes powers of: each class's certainty over the mean count of a class.

    Args:
        certainty_sum: Sum of ``p * v`` over each class's foreground candidates, shape (M,).
        count: Number of foreground candidates of each class, shape (M,).

    Returns:
        Ratios, at least :data:`MIN_RATIO`, shape (M,); 1 for all when nothing was counted yet.

    Raises:
        ValueError: If the shapes differ.
    """
    if certainty_sum.shape != count.shape:
        raise ValueError(
            'certainty_sum and count need one entry per class, got shapes '
            f'{tuple(certainty_sum.shape)} and {tuple(count.shape)}'
        )
    dtype = torch.promote_types(certainty_sum.dtype, torch.float32)
    mean_count = count.to(dtype).mean()
    ratio = (certainty_sum.to(dtype) / mean_count).clamp(min=MIN_RATIO)
    return torch.where(mean_count > 0, ratio, torch.ones_like(ratio))


def class_certainty_sums(
    cls_certainty: Tensor, loc_certainty: Tensor, labels: Tensor, num_classes: int
) -> tuple[Tensor, Tensor]:
    r"""The two sums of Eq. 6 over one batch: :math:`\sum_j p_m^j v_m^j` and :math:`\sum_j 1`.

    Args:
        cls_certainty: ``p`` of foreground candidates at their class, shape (N,).
        loc_certainty: ``v`` of the same candidates, shape (N,).
        labels: Their classes in [0, M), shape (N,).
        num_classes: ``M``.

    Returns:
        Certainty sums and counts, each of shape (M,), float64: they are summed over a whole training,
        and float32 stops counting at 2**24.
    """
    certainty = cls_certainty.double() * loc_certainty.double()
    zeros = certainty.new_zeros(num_classes)
    certainty_sum = zeros.index_add(0, labels, certainty)
    return certainty_sum, zeros.index_add(0, labels, torch.ones_like(certainty))
