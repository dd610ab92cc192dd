"""3-D feature alignment (FAM-3D): box predictions are sampled at learned offsets in position and pyramid level.

``B`` images, ``h x w`` places of one level of the pyramid; boxes are maps ``x1 y1 x2 y2`` in pixels, (B, 4, h, w).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmdet.models.dense_heads import RTMDetHead
from mmdet.models.losses import FocalLoss
from mmdet.models.task_modules.coders.delta_xywh_bbox_coder import delta2bbox
from mmdet.registry import MODELS
from mmengine.model import normal_init
from torch import Tensor, nn

from mmssod.environment.errors import InputError

SIDES = 4
SIGNS = [[[-1.0]], [[-1.0]], [[1.0]], [[1.0]]]  # away from the point: left, up, right, down


@MODELS.register_module()
class LabelFocalLoss(FocalLoss):
    """mmdet's focal loss for heads that pass labels and qualities: it uses only the labels."""

    def forward(self, pred: Tensor, target: tuple[Tensor, Tensor], *args: Any, **kw: Any) -> Tensor:
        """As mmdet's; ``target`` is labels (N,), background last, and qualities (N,)."""
        return super().forward(pred, target[0], *args, **kw)


@MODELS.register_module()
class FAM3DHead(RTMDetHead):
    """A RetinaNet head of two towers whose boxes are sampled at learned offsets in position and level.

    The place that classifies an object best is not the one that locates it best. From the features of both towers on
    its level and on the two beside it, each place predicts for each side of its box how far towards the next level
    that side is taken from (-1 finer, 1 coarser), and then an offset in places. At offsets of 0 boxes are the towers'
    own. Losses and targets are those of ``RTMDetHead``: with :class:`LabelFocalLoss` and :class:`AdaptiveAssigner`
    they are Consistent-Teacher's.

    Args:
        num_classes: Number of classes.
        in_channels: Channels of the feature maps.
        regression: ``'delta'`` refines a square anchor of ``anchor_scale`` strides; ``'distance'`` measures from the
            point.
        anchor_scale: Side of the anchor in strides.
        shrink: The offsets are predicted from ``feat_channels // shrink`` channels of each level.
        kwargs: As ``RTMDetHead``, whose objectness is off; ``bbox_coder`` is a ``DistancePointBBoxCoder``.

    Raises:
        ValueError: For another ``regression``.

    Source: Wang et al., "Consistent-Teacher", CVPR 2023, section 3.3; numbers of channels: its public code.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        regression: str = 'delta',
        anchor_scale: float = 8.0,
        shrink: int = 4,
        **kwargs: Any,
    ) -> None:
        if regression not in ('delta', 'distance'):
            raise InputError(f"regression must be 'delta' or 'distance', got {regression!r}")
        self.regression = regression
        self.anchor_scale = anchor_scale
        self.shrink = shrink
        super().__init__(num_classes, in_channels, with_objectness=False, **kwargs)

    def _init_layers(self) -> None:
        """Mmdet's towers, and what predicts offsets."""
        super()._init_layers()
        channels = self.feat_channels // self.shrink
        both_towers = 2 * self.stacked_convs * self.feat_channels
        self.context = nn.Sequential(nn.Conv2d(both_towers, channels, 1), nn.ReLU(inplace=True))
        self.level_offset = nn.Conv2d(3 * channels, SIDES, 3, padding=1)
        self.place_offset = nn.Conv2d(3 * channels, 2 * SIDES, 3, padding=1)

    def init_weights(self) -> None:
        """mmdet's, and offsets near 0."""
        super().init_weights()
        for layer in (self.context[0], self.level_offset, self.place_offset):
            normal_init(layer, std=0.001)

    def forward(self, feats: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Logits of each level, (B, M, h, w), and distances of its boxes' sides from its points, (B, 4, h, w)."""
        scores, boxes, context = zip(*map(self.own_boxes, feats, range(len(feats))), strict=True)
        distances = []
        for level, own in enumerate(boxes):
            beside = [self._at(context, level + step, own) for step in (-1, 0, 1)]
            around = torch.cat([context[level] if part is None else part for part in beside], 1)
            mixed = mix_levels(
                own,
                self._at(boxes, level - 1, own),
                self._at(boxes, level + 1, own),
                self.level_offset(around).float(),
            )
            aligned = sample_at(mixed, self.place_offset(around).float())
            distances.append((aligned - self._points(level, own)) * aligned.new_tensor(SIGNS))
        return scores, tuple(distances)

    def own_boxes(self, features: Tensor, level: int) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, boxes and the context of one level, each place by itself."""
        stages, ends = [], []
        for tower in (self.cls_convs, self.reg_convs):
            stage = features
            for layer in tower:
                stage = layer(stage)
                stages.append(stage)
            ends.append(stage)
        boxes = self.decode(self.rtm_reg(ends[1]).float(), level)
        return self.rtm_cls(ends[0]), boxes, self.context(torch.cat(stages, 1))

    def decode(self, raw: Tensor, level: int) -> Tensor:
        """Boxes of one level from what its layer says."""
        stride, scale = self.prior_generator.strides[level][0], self.scales[level]
        points = self._points(level, raw)
        if self.regression == 'distance':
            return points + scale(raw.exp()) * stride * raw.new_tensor(SIGNS)
        anchors = points + self.anchor_scale * stride / 2 * raw.new_tensor(SIGNS)
        flat = [
            part.permute(0, 2, 3, 1).reshape(-1, 4) for part in (anchors.expand_as(raw), scale(raw))
        ]
        boxes = delta2bbox(*flat, stds=(0.1, 0.1, 0.2, 0.2))
        return boxes.view(len(raw), *raw.shape[2:], 4).permute(0, 3, 1, 2)

    def _points(self, level: int, like: Tensor) -> Tensor:
        """The points of a level as ``x y x y``, (1, 4, h, w)."""
        size = like.shape[2:]
        points = self.prior_generator.single_level_grid_priors(size, level, device=like.device)
        return points.t().reshape(1, 2, *size).repeat(1, 2, 1, 1)

    @staticmethod
    def _at(levels: tuple[Tensor, ...], level: int, like: Tensor) -> Tensor | None:
        """A level in the size of another one; None beyond the ends of the pyramid."""
        if not 0 <= level < len(levels):
            return None
        if levels[level].shape[2:] == like.shape[2:]:
            return levels[level]
        return F.interpolate(
            levels[level], size=like.shape[2:], mode='bilinear', align_corners=False
        )


def mix_levels(own: Tensor, finer: Tensor | None, coarser: Tensor | None, share: Tensor) -> Tensor:
    """Boxes between two levels: all of one size, (B, 4, h, w).

    Args:
        own: Values of the level itself.
        finer, coarser: Of the levels beside it; None where there is none.
        share: -1 is the finer level, 0 its own, 1 the coarser one; beyond that, and towards no level, it is clamped.
    """
    share = share.clamp(-1.0 if finer is not None else 0.0, 1.0 if coarser is not None else 0.0)
    mixed = own * (1 - share.abs())
    if finer is not None:
        mixed = mixed + finer * (-share).clamp(min=0)
    if coarser is not None:
        mixed = mixed + coarser * share.clamp(min=0)
    return mixed


def sample_at(values: Tensor, offsets: Tensor) -> Tensor:
    """Bilinear samples of each channel beside each place; beyond the border the value at the border.

    Args:
        values: Shape (B, C, h, w).
        offsets: ``x y`` of each channel, in places, shape (B, 2 C, h, w).
    """
    batch, channels, height, width = values.shape
    rows, columns = (torch.arange(n, device=values.device) for n in (height, width))
    y, x = torch.meshgrid(rows, columns, indexing='ij')
    places = torch.stack([x, y]) + offsets.reshape(batch * channels, 2, height, width)
    size = places.new_tensor([width, height]).view(2, 1, 1)
    grid = ((2 * places + 1) / size - 1).permute(0, 2, 3, 1)
    flat = values.reshape(batch * channels, 1, height, width)
    sampled = F.grid_sample(flat, grid, padding_mode='border', align_corners=False)
    return sampled.view_as(values)
