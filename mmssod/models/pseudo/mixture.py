"""Fits one-dimensional mixtures of two Gaussians to many small samples at once.

``M`` samples of ``N`` places, of which some are filled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_VARIANCE = 1e-6  # added to each variance, so that equal values are no singularity


@dataclass(frozen=True)
class Mixture:
    """Two components for each of ``M`` samples.

    Args:
        weights: Share of each component, shape (M, 2).
        means: Shape (M, 2).
        variances: Above 0, shape (M, 2).
    """

    weights: Tensor
    means: Tensor
    variances: Tensor

    def log_joint(self, values: Tensor) -> Tensor:
        """Logarithm of each component's weight times its density at values (M, N); shape (M, N, 2)."""
        weights, means, variances = (part[:, None] for part in vars(self).values())
        squares = (values[..., None] - means).square() / variances
        return weights.log() - 0.5 * (squares + variances.log() + math.log(2 * math.pi))


def fit_two(
    values: Tensor, filled: Tensor, max_steps: int = 100, tolerance: float = 1e-3
) -> Mixture:
    """Expectation maximization from a component at the least value and one at the greatest, both of variance 1.

    Each sample ends by itself, when a step changes its mean log-likelihood by less than ``tolerance``: the start, order
    and end of scikit-learn's ``GaussianMixture``.

    Args:
        values: Finite, shape (M, N).
        filled: Which places count, shape (M, N).
        max_steps: Steps at most.
        tolerance: At least 0.

    Returns:
        The mixtures, in float64; one of a sample without any value means nothing.
    """
    values = values.double()
    count = filled.sum(dim=1).clamp(min=1)
    ends = [
        values.masked_fill(~filled, math.inf).amin(1),
        values.masked_fill(~filled, -math.inf).amax(1),
    ]
    means = torch.stack(ends, dim=1).nan_to_num(posinf=0.0, neginf=0.0)
    mixture = Mixture(torch.full_like(means, 0.5), means, torch.ones_like(means))
    bound = torch.full_like(means[:, 0], -math.inf)
    active = filled.any(dim=1)
    for _ in range(max_steps):
        joint = mixture.log_joint(values)
        before, bound = bound, (joint.logsumexp(dim=2) * filled).sum(dim=1) / count
        new = _maximized(values, joint.softmax(dim=2) * filled[..., None])
        mixture = Mixture(
            *(
                torch.where(active[:, None], ours, theirs)
                for ours, theirs in zip(vars(new).values(), vars(mixture).values(), strict=True)
            )
        )
        active = active & ((bound - before).abs() >= tolerance)
        if not active.any():
            break
    return mixture


def _maximized(values: Tensor, shares: Tensor) -> Mixture:
    """The likeliest mixture where each value belongs to the components by the shares (M, N, 2)."""
    totals = shares.sum(dim=1) + 10 * torch.finfo(shares.dtype).eps
    means = (shares * values[..., None]).sum(dim=1) / totals
    squares = (values[..., None] - means[:, None]).square()
    variances = (shares * squares).sum(dim=1) / totals + LEAST_VARIANCE
    return Mixture(totals / totals.sum(dim=1, keepdim=True), means, variances)
