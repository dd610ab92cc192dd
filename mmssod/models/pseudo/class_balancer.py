"""Class evidence collected in training, and the thresholds and weights derived from it (Eq. 6). ``M`` classes."""

from collections.abc import Sequence

import torch
from mmdet.registry import MODELS
from mmengine.dist import all_reduce
from torch import Tensor, nn

from mmssod import equations
from mmssod.environment.errors import InputError


@MODELS.register_module()
class ClassBalancer(nn.Module):
    """Class-wise dynamic thresholds (DT) and loss weights (RE).

    The two sums of Eq. 6 are buffers: they are in the checkpoint and resume with it. They are summed over all
    processes in each :meth:`update`, so every process holds the same.

    Args:
        num_classes: ``M``, at least 1.
        threshold: The paper's tau, in [0, 1].
        threshold_power: gamma_1 of Eq. 6: how far thresholds of classes with few, or uncertain, candidates fall below
            ``threshold`` and those of other classes rise above it. 0.05 in the paper; 0 switches dynamic thresholds
            off.
        weight_power: gamma_2 of Eq. 6: how much more boxes of such classes count in the losses. 0.6 in the paper; 0
            switches re-weighting off.
        bounds: Minimum and maximum dynamic threshold, in [0, 1].
        max_weight: Maximum weight, at least 0; infinite for the paper's.
        unit_mean_weight: Divide the weights by their mean over all foreground candidates, so that re-weighting shifts
            weight between classes and leaves the sum over all boxes as it is. Eq. 6 alone also raises the sum where
            certainties are low, as after a short training.
        memory: Share of the past that each update keeps: 1 sums over the whole training, less is a moving sum.
            In [0, 1].

    Raises:
        ValueError: For values outside these ranges.
    """

    cheap_to_build = True

    def __init__(
        self,
        num_classes: int,
        threshold: float = 0.7,
        threshold_power: float = 0.0,
        weight_power: float = 0.0,
        bounds: tuple[float, float] = (0.4, 0.9),
        max_weight: float = float('inf'),
        unit_mean_weight: bool = False,
        memory: float = 1.0,
    ) -> None:
        super().__init__()
        for name, value, low, high in (
            ('threshold', threshold, 0, 1),
            ('memory', memory, 0, 1),
            ('bounds[0]', bounds[0], 0, bounds[1]),
            ('bounds[1]', bounds[1], bounds[0], 1),
            ('max_weight', max_weight, 0, float('inf')),
            ('num_classes', num_classes, 1, float('inf')),
        ):
            if not low <= value <= high:
                raise InputError(f'{name} must be in [{low}, {high}], got {value}')
        self.num_classes = num_classes
        self.threshold = threshold
        self.threshold_power = threshold_power
        self.weight_power = weight_power
        self.bounds = (float(bounds[0]), float(bounds[1]))
        self.max_weight = max_weight
        self.unit_mean_weight = unit_mean_weight
        self.memory = memory
        self.certainty_sum: Tensor
        self.count: Tensor
        self.initialized: Tensor
        self.register_buffer('certainty_sum', torch.zeros(num_classes, dtype=torch.float64))
        self.register_buffer('count', torch.zeros(num_classes, dtype=torch.float64))
        self.register_buffer('initialized', torch.tensor(False))

    @torch.no_grad()
    def initialize(self, box_counts: Tensor, num_images: int = 1) -> None:
        """Start from the labeled set, so that no class is at zero.

        Args:
            box_counts: Labeled boxes of each class, shape (M,); a class without any counts as one box.
            num_images: Labeled images; Eq. 6 does not ask.

        Raises:
            ValueError: If the shape is another.
        """
        if box_counts.shape != self.count.shape:
            raise InputError(
                f'box_counts needs one number per class, shape {tuple(self.count.shape)}, '
                f'got {tuple(box_counts.shape)}; compare num_classes with the classes of the labeled set'
            )
        counts = box_counts.to(self.count).clamp(min=1)
        self.certainty_sum.copy_(counts)
        self.count.copy_(counts)
        self.initialized.fill_(True)

    def observe(self, labels: Sequence[Tensor], certainties: Sequence[Tensor]) -> None:
        """Look at the candidates of one step before they are selected; every process must call it. Eq. 6 does not ask.

        Args:
            labels: Classes in [0, M) of each image's candidates, each of shape (N,).
            certainties: What is compared with the thresholds, likewise.
        """

    @torch.no_grad()
    def update(self, certainty_sum: Tensor, count: Tensor) -> None:
        """Add one step's foreground candidates; every process must call it, also one without any.

        A step with a NaN counts nothing: it would stay in the sums for ever, whatever becomes of the step.

        Args:
            certainty_sum: Sum of ``p * v`` of each class, shape (M,).
            count: Number of candidates of each class, shape (M,).
        """
        step = torch.stack([certainty_sum, count]).to(self.count)
        all_reduce(step)
        step = torch.where(step.isfinite().all(), step, torch.zeros_like(step))
        self.certainty_sum.mul_(self.memory).add_(step[0])
        self.count.mul_(self.memory).add_(step[1])

    def thresholds(self) -> Tensor:
        """tau_m of Eq. 6, shape (M,)."""
        return equations.class_thresholds(
            self.certainty_sum, self.count, self.threshold, self.threshold_power, self.bounds
        )

    def weights(self) -> Tensor:
        """alpha_m of Eq. 6, shape (M,)."""
        weights = equations.class_weights(self.certainty_sum, self.count, self.weight_power)
        if self.unit_mean_weight:
            total = self.count.sum()
            mean = (weights * self.count).sum() / total.clamp(min=1)
            # Without a branch, for which the host would wait: nothing was counted yet at a total of 0.
            weights = weights / torch.where(total > 0, mean, torch.ones_like(mean))
        return weights.clamp(max=self.max_weight)
