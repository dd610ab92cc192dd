"""Pseudo labels as an immutable value: filtering, joining, projecting and weighting return new ones.

``N`` boxes of one image, ``M`` classes; boxes ``x1 y1 x2 y2`` in absolute pixels of one view.
"""

from collections.abc import Sequence
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
        loc_certainty: ``v`` of Eq. 4 in [0, 1], or another measure of it, shape (N,); 1 where the detector gives none.
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

    @classmethod
    def from_ground_truth(cls, instances: InstanceData) -> 'PseudoLabels':
        """From a labeled image's ``gt_instances``, which are certain: bboxes, labels, and weights (1 without)."""
        ones = torch.ones_like(instances.bboxes[:, 0])
        return cls(
            boxes=instances.bboxes,
            labels=instances.labels,
            cls_certainty=ones,
            loc_certainty=ones,
            weights=instances.get('weights', ones),
        )

    @classmethod
    def cat(cls, parts: Sequence['PseudoLabels']) -> 'PseudoLabels':
        """All boxes of several values, at least one, in order."""
        fields = {name: [getattr(part, name) for part in parts] for name in vars(parts[0])}
        return cls(**{name: torch.cat(values) for name, values in fields.items()})

    def to_predictions(self) -> InstanceData:
        """As a detector predicts them; :meth:`from_predictions` takes them back, weights at 1."""
        return InstanceData(
            bboxes=self.boxes,
            labels=self.labels,
            scores=self.certainty,
            cls_certainty=self.cls_certainty,
            loc_certainty=self.loc_certainty,
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

    def select(self, keep: Tensor | slice) -> 'PseudoLabels':
        """The boxes at a mask, at indices or in a slice."""
        if isinstance(keep, Tensor) and keep.dtype == torch.bool:
            # Once, not for each field: the host waits for the device to count.
            keep = keep.nonzero().squeeze(1)
        return replace(self, **{name: value[keep] for name, value in vars(self).items()})

    def weighted(self, class_weights: Tensor) -> 'PseudoLabels':
        """Multiply each box's weight by that of its class; ``class_weights`` has shape (M,)."""
        factors = class_weights.to(self.weights)[self.labels]
        return replace(self, weights=self.weights * factors)

    def scaled(self, factor: float | Tensor) -> 'PseudoLabels':
        """Multiply the weights by one factor, or by one a box of shape (N,)."""
        return replace(self, weights=self.weights * factor)

    def project(self, matrix: Tensor, img_shape: tuple[int, int]) -> 'PseudoLabels':
        """Move the boxes into another view of the image.

        Args:
            matrix: Homography from this view to the other, shape (3, 3).
            img_shape: Height and width of the other view; boxes are clipped to it, and those without area left
                are dropped.
        """
        boxes = move_boxes(self.boxes, matrix, img_shape)
        moved = replace(self, boxes=boxes)
        sizes = boxes[:, 2:] - boxes[:, :2]
        return moved.select((sizes > 0).all(dim=1))


def move_boxes(boxes: Tensor, matrix: Tensor, img_shape: tuple[int, int]) -> Tensor:
    """Boxes in another view of their image, clipped to it; those without area left stay among them.

    Args:
        boxes: Shape (N, 4).
        matrix: Homography from this view to the other, shape (3, 3).
        img_shape: Height and width of the other view.

    Returns:
        Boxes, shape (N, 4), float32.
    """
    # In float32 also under mixed precision, whose matrix products would round the corners by pixels.
    with torch.autocast(boxes.device.type, enabled=False):
        corners = boxes.float()
        return bbox_project(corners, matrix.to(corners, non_blocking=True), img_shape)
