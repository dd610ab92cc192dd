"""Pseudo labels of several heads that see the same image. ``N`` boxes of one image, of all heads together."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from mmssod.structures.pseudo_labels import PseudoLabels


@dataclass(frozen=True)
class HeadLabels(PseudoLabels):
    """Pseudo labels with the index of the head whose teacher made them.

    Args:
        heads: Number of the head from 0, int64, shape (N,); the other arguments are those of :class:`PseudoLabels`.
    """

    heads: Tensor

    @classmethod
    def from_heads(cls, answers: Sequence[InstanceData]) -> 'HeadLabels':
        """From the ``pred_instances`` of each head, in order."""
        parts = [PseudoLabels.from_predictions(answer) for answer in answers]
        fields = {
            name: torch.cat([getattr(part, name) for part in parts]) for name in vars(parts[0])
        }
        heads = [torch.full_like(part.labels, number) for number, part in enumerate(parts)]
        return cls(**fields, heads=torch.cat(heads))

    def to_ground_truth(self) -> InstanceData:
        """As mmdet's losses want true boxes: bboxes, labels, weights; and heads."""
        boxes = super().to_ground_truth()
        boxes.heads = self.heads
        return boxes
