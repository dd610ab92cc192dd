"""Histograms of recent certainties per class. ``M`` classes."""

from typing import Any

import torch
from mmengine.dist import all_reduce, is_main_process
from torch import Tensor, nn

from mmssod.structures import PseudoLabels

BINS = 100
QUANTILES = (0.1, 0.5, 0.9)


class PseudoLabelStatistics(nn.Module):
    """Counts a class and histograms of p and v since the last :meth:`reset`, of this process.

    No weights, so not in ``state_dict``; ``PseudoLabelHook`` keeps them in checkpoints and starts them anew.

    Args:
        num_classes: ``M``.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.boxes: Tensor
        self.images: Tensor
        self.histograms: Tensor
        self.register_buffer('boxes', torch.zeros(num_classes), persistent=False)
        self.register_buffer('images', torch.zeros(()), persistent=False)
        self.register_buffer('histograms', torch.zeros(2, BINS), persistent=False)

    @torch.no_grad()
    def update(self, pseudo_labels: list[PseudoLabels]) -> None:
        """Count the boxes of one step, one value per image."""
        self.images += len(pseudo_labels)
        if not pseudo_labels:
            return
        classes, p, v = (
            torch.cat([getattr(labels, name) for labels in pseudo_labels])
            for name in ('labels', 'cls_certainty', 'loc_certainty')
        )
        ones = torch.ones_like(classes, dtype=self.boxes.dtype)
        self.boxes.index_add_(0, classes, ones)
        for row, certainty in zip(self.histograms, (p, v), strict=True):
            row.index_add_(0, (certainty * BINS).long().clamp(0, BINS - 1), ones)

    def reset(self) -> None:
        """Start anew."""
        for buffer in (self.boxes, self.images, self.histograms):
            buffer.zero_()

    def gather(self) -> None:
        """Move the counts of all processes to the first one, which writes checkpoints; every process must call it."""
        for buffer in self.buffers():
            all_reduce(buffer)
        if not is_main_process():
            self.reset()

    def summary(self, reduce: bool = False) -> dict[str, Any]:
        """What was counted.

        Args:
            reduce: Sum over all processes first; then every process must call it.

        Returns:
            ``images``, ``boxes_per_image``, ``boxes_per_class`` (M numbers), ``p_quantiles`` and ``v_quantiles`` (10,
            50 and 90 %, to 0.01; empty without boxes).
        """
        boxes, images, histograms = self.boxes.clone(), self.images.clone(), self.histograms.clone()
        if reduce:
            for value in (boxes, images, histograms):
                all_reduce(value)
        return dict(
            images=int(images),
            boxes_per_image=float(boxes.sum() / images.clamp(min=1)),
            boxes_per_class=boxes.tolist(),
            p_quantiles=histogram_quantiles(histograms[0]),
            v_quantiles=histogram_quantiles(histograms[1]),
        )


def histogram_quantiles(histogram: Tensor) -> list[float]:
    """Centers of the bins in which the quantiles 10, 50 and 90 % lie; empty for an empty histogram."""
    histogram = histogram.cpu()  # a cumulative sum is not deterministic on a GPU
    total = float(histogram.sum())
    if total == 0:
        return []
    shares = histogram.cumsum(0) / total
    bins = torch.searchsorted(shares, shares.new_tensor(QUANTILES))
    return [round(float(index) / BINS + 0.5 / BINS, 3) for index in bins.clamp(max=BINS - 1)]
