r"""CSD's consistency losses between an image and its mirror image: pure functions.

Jeong, Lee, Kim, Kwak, "Consistency-based Semi-supervised Learning for Object Detection", NeurIPS 2019.

``N`` RoIs, ``M`` classes (background is column ``M``), ``K`` buckets per side. Row i of the two answers is one RoI and
its mirror.
"""

import math

import torch
from torch import Tensor

EPSILON = 1e-7  # keeps logarithms finite, as in the authors' code
SIDES_MIRRORED = [2, 1, 0, 3]  # left, top, right, bottom
DELTA_SIGNS = (-1.0, 1.0, 1.0, 1.0)  # of dx, dy, dw, dh under mirroring


def foreground_mask(scores: Tensor) -> Tensor:
    """RoIs whose best class beats background: (N, M + 1) -> (N,)."""
    return scores[:, :-1].amax(dim=1) > scores[:, -1]


def class_consistency(scores: Tensor, mirrored: Tensor) -> Tensor:
    r"""Half of the Kullback-Leibler divergence both ways, each with a target that does not learn.

    .. math:: \tfrac12 \left[ KL(\bar q \,\|\, p) + KL(\bar p \,\|\, q) \right]

    Args:
        scores: Probabilities :math:`p` on the image, shape (N, M + 1).
        mirrored: Probabilities :math:`q` on the mirror image, shape (N, M + 1).

    Returns:
        Shape (N,); 0 where both agree.
    """
    p, q = scores + EPSILON, mirrored + EPSILON
    return (_divergence(q.detach(), p) + _divergence(p.detach(), q)) / 2


def _divergence(target: Tensor, answer: Tensor) -> Tensor:
    return (target * (target.log() - answer.log())).sum(dim=-1)


def delta_consistency(deltas: Tensor, mirrored: Tensor) -> Tensor:
    """Mean of four squared differences of dx, dy, dw, dh, both (N, 4); dx has the other sign in the mirror; (N,)."""
    return (deltas - mirrored * mirrored.new_tensor(DELTA_SIGNS)).square().mean(dim=1)


def bucket_consistency(buckets: Tensor, mirrored: Tensor) -> Tensor:
    """The same for buckets: mean over four sides, left and right changing places in the mirror.

    A side's difference is that of its bucket probabilities, squared and summed, and that of its offset at the image's
    best bucket, squared: other offsets are not trained.

    Args:
        buckets: Logits at 0 and offsets at 1, shape (N, 2, 4, K).
        mirrored: The same for the mirror image.

    Returns:
        Shape (N,).
    """
    (logits, offsets), (other_logits, other_offsets) = (
        answer.unbind(dim=1) for answer in (buckets, mirrored[:, :, SIDES_MIRRORED])
    )
    best = logits.argmax(dim=-1, keepdim=True)
    choice = (logits.sigmoid() - other_logits.sigmoid()).square().sum(dim=-1)
    place = (offsets - other_offsets).gather(-1, best).squeeze(-1).square()
    return (choice + place).mean(dim=1)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of (N,) over a mask; 0 with a gradient path without any."""
    return torch.where(mask, values, values.new_zeros(())).sum() / mask.sum().clamp(min=1)


def ramp(share: float, up: float, down: float) -> float:
    r"""Weight of the consistency losses after a share of the training.

    .. math:: e^{-5 (1 - t / T_1)^2} \;\text{below } T_1, \quad
        e^{-12.5 (1 - (1 - t) / (1 - T_2))^2} \;\text{above } T_2, \quad 1 \text{ between}

    Args:
        share: :math:`t`, in [0, 1] of the training; at its very start the weight is 0.
        up: :math:`T_1`; 32k of 120k iterations in the authors' code.
        down: :math:`T_2`; 100k of 120k.
    """
    if share <= 0:
        return 0.0
    if share < up:
        return math.exp(-5 * (1 - share / up) ** 2)
    if share > down:
        return math.exp(-12.5 * (1 - (1 - share) / (1 - down)) ** 2)
    return 1.0
