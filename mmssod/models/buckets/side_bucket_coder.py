"""Encodes boxes as one bucket and one offset per side, and decodes them.

``N`` boxes, ``K`` buckets per side; sides in the order of box columns: left, top, right, bottom; boxes
``x1 y1 x2 y2`` in absolute pixels. A side's segment runs from the border of the enlarged box (bucket 0) to
the center (bucket K-1), and offsets are positive towards the center. So a mirrored box has the same buckets and
offsets, with left and right swapped.
"""

from typing import NamedTuple

import torch
from mmdet.models.task_modules.coders import BaseBBoxCoder
from mmdet.registry import TASK_UTILS
from mmdet.structures.bbox import get_box_tensor
from torch import Tensor

from mmssod.environment.errors import InputError

MIN_SIZE = 1e-2  # px; a thinner box has no segment to divide by


class BucketTargets(NamedTuple):
    """Targets of the localization branch, all of shape (N, 4, K)."""

    labels: Tensor  # 1 at the bucket of the side
    label_weights: Tensor  # 0 at neighbors that are left out of the loss
    offsets: Tensor  # from each bucket's center line to the side, in units of the coder's reach
    offset_weights: (
        Tensor  # at the buckets whose offset is trained; two a side in the sum, more or less
    )


@TASK_UTILS.register_module()
class SideBucketCoder(BaseBBoxCoder):
    """Choice among buckets, then a refinement (paper, section 2.2).

    Law: ``decode(boxes, *answer(encode(boxes, gt))) == gt`` wherever each side of ``gt`` lies on its segment.

    Args:
        num_buckets: ``K``, buckets per side, at least 2. mmdet's ``BucketingBBoxCoder`` counts both sides:
            K=30 is its ``num_buckets=60``.
        scale_factor: How far the box is enlarged before its sides' segments are laid, above 1; 1.7 as in SABL.
        ignore_neighbor: Leave the buckets within one width of the side, its own excepted, out of Eq. 3.
        offset_reach: How far from a side buckets learn their offset, as a share of the segment: choosing one of them
            still decodes to the right place. It is also the unit of offsets, so it is a length on the box that does
            not shrink with K. Never less than one bucket width, as in SABL; 0 trains the side's own bucket alone, as
            Eq. 5 is printed, in units of its width.
        clamp_targets: Pull sides off the segment to its end. Without it their offset is as large as
            they are far and governs the loss.
        use_box_type: As in mmdet: decode to its box objects instead of tensors.

    Raises:
        ValueError: For values outside these ranges.
    """

    cheap_to_build = True

    def __init__(
        self,
        num_buckets: int,
        scale_factor: float = 1.7,
        ignore_neighbor: bool = True,
        offset_reach: float = 0.125,
        clamp_targets: bool = True,
        use_box_type: bool = False,
    ) -> None:
        super().__init__(use_box_type=use_box_type)
        if num_buckets < 2:
            raise InputError(
                f'num_buckets must be at least 2, got {num_buckets}; the paper uses 30'
            )
        if not 0 <= offset_reach <= 1:
            raise InputError(
                f'offset_reach must be in [0, 1], a share of the segment, got {offset_reach}'
            )
        if scale_factor <= 1:
            raise InputError(f'scale_factor must enlarge the box, got {scale_factor}; 1.7 is usual')
        self.num_buckets = num_buckets
        self.scale_factor = scale_factor
        self.ignore_neighbor = ignore_neighbor
        self.offset_reach = offset_reach
        self.clamp_targets = clamp_targets

    @property
    def offset_unit(self) -> float:
        """The unit of offsets in bucket widths, at least 1."""
        return max(1.0, self.offset_reach * self.num_buckets)

    @property
    def encode_size(self) -> int:
        """Numbers a box: a logit and an offset for each bucket of each side; mmdet sizes layers by it."""
        return 2 * 4 * self.num_buckets

    def segments(self, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Where each side's segment starts, and how wide its buckets are.

        Args:
            boxes: Shape (N, 4).

        Returns:
            Coordinates of the enlarged box's borders and widths of buckets, both of shape (N, 4); a width is negative
            where the way to the center goes against the axis (right and bottom sides).
        """
        center = (boxes[:, :2] + boxes[:, 2:]) / 2
        half = (boxes[:, 2:] - boxes[:, :2]).clamp(min=MIN_SIZE) * (self.scale_factor / 2)
        borders = torch.cat([center - half, center + half], dim=1)
        return borders, torch.cat([half, -half], dim=1) / self.num_buckets

    def encode(self, bboxes: Tensor, gt_bboxes: Tensor) -> BucketTargets:
        """Targets that turn ``bboxes`` into ``gt_bboxes``.

        Args:
            bboxes: Boxes to start from, shape (N, 4).
            gt_bboxes: Boxes to arrive at, shape (N, 4).
        """
        bboxes, gt_bboxes = get_box_tensor(bboxes).float(), get_box_tensor(gt_bboxes).float()
        borders, widths = self.segments(bboxes)
        # In widths from the center line of bucket 0: the segment is [-0.5, K - 0.5].
        place = (gt_bboxes - borders) / widths - 0.5
        if self.clamp_targets:
            place = place.clamp(-0.5, self.num_buckets - 0.5)
        own = (place + 0.5).floor().clamp(0, self.num_buckets - 1).long()[..., None]
        steps = torch.arange(self.num_buckets, device=place.device, dtype=place.dtype)
        widths_away = place[..., None] - steps
        labels = torch.zeros_like(widths_away).scatter_(-1, own, 1.0)
        is_neighbor = (widths_away.abs() < 1) & (labels == 0)
        label_weights = 1 - is_neighbor.float() if self.ignore_neighbor else torch.ones_like(labels)
        offset_weights = labels
        if self.offset_reach > 0:
            near = (widths_away.abs() < self.offset_unit) | (labels > 0)
            offset_weights = near.float() / self.offset_unit
        return BucketTargets(labels, label_weights, widths_away / self.offset_unit, offset_weights)

    def decode(
        self,
        bboxes: Tensor,
        bucket_logits: Tensor,
        offsets: Tensor,
        max_shape: tuple[int, int] | None = None,
    ) -> Tensor:
        """Boxes at the best bucket of each side, refined by its offset.

        Args:
            bboxes: Boxes to start from, shape (N, 4).
            bucket_logits: Scores of the buckets, shape (N, 4, K).
            offsets: Offsets in units of the reach, shape (N, 4, K).
            max_shape: Height and width to clip to.

        Returns:
            Boxes, shape (N, 4), float32.
        """
        borders, widths = self.segments(get_box_tensor(bboxes).float())
        best = bucket_logits.argmax(dim=-1, keepdim=True)
        offset = offsets.gather(-1, best).squeeze(-1).float()
        boxes = borders + (best.squeeze(-1) + 0.5) * widths + offset * self.offset_unit * widths
        if max_shape is not None:
            height, width = max_shape[:2]
            x, y = boxes[:, 0::2].clamp(0, width), boxes[:, 1::2].clamp(0, height)
            boxes = torch.stack([x, y], dim=-1).flatten(1)
        return boxes
