"""Thresholds per class that give as many pseudo labels per image as there are labels. ``M`` classes."""

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.registry import MODELS
from mmengine.dist import all_reduce
from torch import Tensor

from mmssod.environment.errors import InputError

from .class_balancer import ClassBalancer

BINS = 200


@MODELS.register_module()
class MatchingBalancer(ClassBalancer):
    """Gives each class the threshold above which it has ``share`` times the labeled set's boxes per image.

    A level of certainty means another thing to each detector, class and data set: p > 0.4 may be a third more boxes
    than there are, or half of them. A number of boxes per image means the same to all, and the labeled images tell it,
    as long as unlabeled images are of the same kind. Certainties of the candidates on the last ``recent`` images are
    counted, over all processes, in bins of 1 / 200.

    Source: the thresholds of LabelMatch, Chen et al., CVPR 2022, there set anew after every 1000 iterations.

    Args:
        num_classes: ``M``.
        share: Pseudo boxes per image over labeled boxes per image, above 0. At 1 a detector that errs without bias
            invents as many boxes as it misses.
        recent: Images that thresholds look back on, at least 1.
        first: Until as many images were seen, ``threshold`` (with DT, if on) holds.
        limits: Minimum and maximum matched threshold, in [0, 1].
        doubt: Standard deviations of a count that are added to it, at least 0: of ``n`` labeled boxes
            ``n + doubt * sqrt(n + 1)``. With few labels a class may as well have been twice as frequent, and objects
            without a pseudo label are background to the student; of a class with hundreds little changes.
        kwargs: As :class:`ClassBalancer`; its weights by class (RE) combine with this.

    Raises:
        ValueError: For values outside these ranges.
    """

    def __init__(
        self,
        num_classes: int,
        share: float = 1.0,
        recent: int = 400,
        first: int = 40,
        limits: tuple[float, float] = (0.2, 0.9),
        doubt: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, **kwargs)
        ordered = 0 <= limits[0] <= limits[1] <= 1
        if not (share > 0 and recent >= 1 and doubt >= 0 and ordered):
            raise InputError(
                'expected share > 0, recent >= 1, doubt >= 0 and 0 <= limits[0] <= limits[1] <= 1, got '
                f'share={share}, recent={recent}, doubt={doubt}, limits={tuple(limits)}'
            )
        self.share = share
        self.recent = recent
        self.first = first
        self.limits = (float(limits[0]), float(limits[1]))
        self.doubt = doubt
        self.labeled_boxes: Tensor
        self.histogram: Tensor
        self.images: Tensor
        self.seen: Tensor
        self.register_buffer('labeled_boxes', torch.zeros(num_classes, dtype=torch.float64))
        self.register_buffer('histogram', torch.zeros(num_classes, BINS, dtype=torch.float64))
        self.register_buffer('images', torch.zeros((), dtype=torch.float64))
        self.register_buffer('seen', torch.zeros((), dtype=torch.float64))

    @torch.no_grad()
    def initialize(self, box_counts: Tensor, num_images: int = 1) -> None:
        """Start from the labeled set; arguments as :meth:`ClassBalancer.initialize`."""
        super().initialize(box_counts, num_images)
        likely = box_counts + self.doubt * (box_counts.double() + 1).sqrt()
        self.labeled_boxes.copy_(likely / max(num_images, 1))

    @torch.no_grad()
    def observe(self, labels: Sequence[Tensor], certainties: Sequence[Tensor]) -> None:
        """Count the candidates of one step; arguments as :meth:`ClassBalancer.observe`."""
        classes, values = torch.cat(list(labels)), torch.cat(list(certainties))
        step = torch.zeros_like(self.histogram)
        bins = (values.nan_to_num() * BINS).long().clamp(0, BINS - 1)
        step.index_put_((classes, bins), step.new_ones(()), accumulate=True)
        counted = torch.cat([step.flatten(), step.new_tensor([len(labels)])])
        all_reduce(counted)
        images = counted[-1]
        keep = (1 - images / self.recent).clamp(min=0)
        self.histogram.mul_(keep).add_(counted[:-1].view_as(step))
        self.images.mul_(keep).add_(images)
        self.seen.add_(images)

    def thresholds(self) -> Tensor:
        """The certainty that a box of each class must exceed, shape (M,)."""
        return self.thresholds_at(self.share)

    def thresholds_at(self, share: float) -> Tensor:
        """Thresholds above which a class has another share of the labeled boxes per image, shape (M,)."""
        above = self.histogram.flip(1).cumsum(1).flip(1) / self.images.clamp(min=1)
        too_many = above > share * self.labeled_boxes[:, None]
        matched = (
            too_many.sum(dim=1).to(above) / BINS
        )  # above falls with the bin: the first that is not too many
        matched = matched.clamp(*self.limits)
        return torch.where(self.seen >= self.first, matched, super().thresholds())
