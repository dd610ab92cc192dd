"""Pseudo labels as a value: filtering, projecting and weighting give new ones.

``N`` boxes of one image, ``M`` classes; boxes ``x1 y1 x2 y2`` in absolute pixels of one view.
"""

from dataclasses import dataclass, replace

import torch
from mmdet.structures.bbox import bbox_project
from mmengine.structures import InstanceData
from torch import Tensor


@dataclass(frozen=True)
class PseudoLabels:
    """What a labeler believes about one image.

    Args:
        boxes: Shape (N, 4).
        labels: Classes in [0, M), shape (N,).
        cls_certainty: ``p`` in [0, 1], shape (N,).
        loc_certainty: ``v`` of Eq. 4 in [0, 1], shape (N,); 1 where the detector gives none.
        weights: Loss weight of each box, at least 0, shape (N,).

    Raises:
        ValueError: If the lengths differ.
    """

    boxes: Tensor
    labels: Tensor
    cls_certainty: Tensor
    loc_certainty: Tensor
    weights: Tensor

    def __post_init__(self) -> None:
        lengths = {name: len(value) for name, value in vars(self).items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f'pseudo labels need one entry a box in each field, got {lengths}')

    @classmethod
    def from_predictions(cls, instances: InstanceData) -> 'PseudoLabels':
        """From a detector's ``pred_instances``: bboxes, labels, scores, and both certainties if it has them."""
        scores = instances.scores
        return cls(
            boxes=instances.bboxes,
            labels=instances.labels,
            cls_certainty=instances.get('cls_certainty', scores),
            loc_certainty=instances.get('loc_certainty', torch.ones_like(scores)),
            weights=torch.ones_like(scores),
        )

    def to_ground_truth(self) -> InstanceData:
        """As mmdet's losses want true boxes: bboxes, labels, weights."""
        return InstanceData(bboxes=self.boxes, labels=self.labels, weights=self.weights)

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def certainty(self) -> Tensor:
        """``p * v``, shape (N,)."""
        return self.cls_certainty * self.loc_certainty

    def select(self, keep: Tensor) -> 'PseudoLabels':
        """The boxes at a mask or at indices."""
        return replace(self, **{name: value[keep] for name, value in vars(self).items()})

    def weighted(self, class_weights: Tensor) -> 'PseudoLabels':
        """Multiply each box's weight by that of its class; ``class_weights`` has shape (M,)."""
        factors = class_weights.to(self.weights)[self.labels]
        return replace(self, weights=self.weights * factors)

    def project(self, matrix: Tensor, img_shape: tuple[int, int]) -> 'PseudoLabels':
        """Move the boxes into another view of the image.

        Args:
            matrix: Homography from this view to the other, shape (3, 3).
            img_shape: Height and width of the other view; boxes are clipped to it, and those without area left
                are dropped.
        """
        # In float32 also under mixed precision, whose matrix products would round the corners by pixels.
        with torch.autocast(self.boxes.device.type, enabled=False):
            corners = self.boxes.float()
            boxes = bbox_project(corners, matrix.to(corners), img_shape)
        moved = replace(self, boxes=boxes)
        sizes = boxes[:, 2:] - boxes[:, :2]
        return moved.select((sizes > 0).all(dim=1))
