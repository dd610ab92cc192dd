"""YOLOX's head with the paper's localization: buckets around the sides of YOLOX's own box.

``B`` images, ``P`` locations of all levels, ``N`` locations of any images, ``M`` classes, ``K`` buckets per side. The
localization of a location has 4 + 8 K numbers: YOLOX's (center x and y, log of width and height, in strides), bucket
logits (4, K), and offsets in units of the coder's reach (4, K); sides left, top, right, bottom.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models.dense_heads import YOLOXHead
from mmdet.models.utils import multi_apply
from mmdet.registry import MODELS, TASK_UTILS
from mmdet.utils import ConfigType, OptInstanceList, reduce_mean
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmssod import equations
from mmssod.models.dense_certainty import MAX_PER_IMAGE


@MODELS.register_module()
class BucketYOLOXHead(YOLOXHead):
    """Each side of a box is a choice among K buckets, then a refinement (paper, section 2.2).

    The candidate box of the paper is here the box that YOLOX regresses: its layers keep their names and its losses, so
    YOLOX's weights start all of them, and one layer per level, ``multi_level_conv_bucket``, is new. It starts such that
    the head answers YOLOX's boxes, bit by bit but for rounding, and v is 1/2.

    Args:
        num_classes: ``M``.
        in_channels: Channels of the feature maps.
        bbox_coder: Config of a :class:`SideBucketCoder`. Four sides take 4 K different logits of ``feat_channels``
            numbers, so ``K`` should be at most a quarter of them.
        loss_bucket: Config of the loss of Eq. 3, as :class:`BucketLoss` takes predictions and targets.
        loss_offset: Config of the second term of Eq. 5, as :class:`BucketOffsetLoss` takes them.
        kwargs: As :class:`mmdet.models.YOLOXHead`; an unknown name is an error there.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        bbox_coder: ConfigType = dict(type='SideBucketCoder', num_buckets=8),  # noqa: B006
        loss_bucket: ConfigType = dict(type='BucketLoss'),  # noqa: B006
        loss_offset: ConfigType = dict(type='BucketOffsetLoss'),  # noqa: B006
        **kwargs: Any,
    ) -> None:
        self.bbox_coder = TASK_UTILS.build(bbox_coder)
        self.num_buckets: int = self.bbox_coder.num_buckets  # YOLOX builds its layers as it starts
        super().__init__(num_classes=num_classes, in_channels=in_channels, **kwargs)
        self.loss_bucket: nn.Module = MODELS.build(loss_bucket)
        self.loss_offset: nn.Module = MODELS.build(loss_offset)

    # ---------------------------------------------------------------- layers

    def _init_layers(self) -> None:
        super()._init_layers()
        outputs = 2 * 4 * self.num_buckets
        self.multi_level_conv_bucket = nn.ModuleList(
            nn.Conv2d(self.feat_channels, outputs, 1) for _ in self.strides
        )

    def init_weights(self) -> None:
        """YOLOX's start, and buckets that answer the box they lie around."""
        super().init_weights()
        for layer in self.multi_level_conv_bucket:
            weight, bias = layer.parameters()
            nn.init.zeros_(weight)
            bias.data.copy_(self.neutral_answer().flatten())

    def neutral_answer(self) -> Tensor:
        """Logits and offsets that leave every box as it is, shape (2, 4, K).

        Half of the probability is in the bucket of the box's own side, the other half is spread over the others; from
        whichever bucket, the offset leads back to that side.
        """
        box = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
        targets = self.bbox_coder.encode(box, box)
        others = 0.5 / (self.num_buckets - 1)
        probability = torch.where(targets.labels[0] > 0, 0.5, others)
        return torch.stack([probability.logit(), targets.offsets[0]])

    def forward(self, x: tuple[Tensor, ...]) -> tuple[list[Tensor], ...]:
        """Answers of all levels.

        Args:
            x: Feature maps, one per level, shape (B, C, H, W).

        Returns:
            Class scores (B, M, H, W), localization (B, 4 + 8 K, H, W) and objectness (B, 1, H, W), each one per level.
        """
        return multi_apply(
            self.forward_single,
            x,
            self.multi_level_cls_convs,
            self.multi_level_reg_convs,
            self.multi_level_conv_cls,
            self.multi_level_conv_reg,
            self.multi_level_conv_obj,
            self.multi_level_conv_bucket,
        )

    def forward_single(
        self,
        x: Tensor,
        cls_convs: nn.Module,
        reg_convs: nn.Module,
        conv_cls: nn.Module,
        conv_reg: nn.Module,
        conv_obj: nn.Module,
        conv_bucket: nn.Module,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Answers of one level, see :meth:`forward`."""
        reg_feat = reg_convs(x)
        localization = torch.cat([conv_reg(reg_feat), conv_bucket(reg_feat)], dim=1)
        return conv_cls(cls_convs(x)), localization, conv_obj(reg_feat)

    # ---------------------------------------------------------------- boxes

    def split(self, reg_pred: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """YOLOX's box (..., 4), bucket logits and offsets (..., 4, K) of localizations of shape (..., 4 + 8 K)."""
        buckets = reg_pred[..., 4:].unflatten(-1, (2, 4, self.num_buckets))
        return reg_pred[..., :4], *buckets.unbind(dim=-3)

    def loc_certainty(self, bucket_logits: Tensor) -> Tensor:
        """``v`` of Eq. 4 for what ``loss_bucket`` is given, shape (..., 4, K); shape (...)."""
        return equations.localization_certainty(bucket_logits)

    def decode(self, candidates: Tensor, reg_pred: Tensor) -> Tensor:
        """The boxes that are answered, float32.

        Args:
            candidates: YOLOX's own boxes, in pixels, shape (N, 4).
            reg_pred: Localizations of the same locations, shape (N, 4 + 8 K).
        """
        return self.bbox_coder.decode(candidates, *self.split(reg_pred)[1:])

    def priors(self, maps: Sequence[Tensor]) -> Tensor:
        """Locations of all levels: upper left corner of a cell and its stride, twice, in pixels; shape (P, 4)."""
        sizes = [level.shape[-2:] for level in maps]
        device = maps[0].device
        priors = self.prior_generator.grid_priors(
            sizes, dtype=torch.float32, device=device, with_stride=True
        )
        return torch.cat(priors)

    # ---------------------------------------------------------------- training

    def loss_by_feat(
        self,
        cls_scores: Sequence[Tensor],
        bbox_preds: Sequence[Tensor],
        objectnesses: Sequence[Tensor],
        batch_gt_instances: Sequence[InstanceData],
        batch_img_metas: Sequence[dict],
        batch_gt_instances_ignore: OptInstanceList = None,
    ) -> dict[str, Tensor]:
        """YOLOX's losses, and Eq. 5 on foreground locations.

        Locations are assigned by the boxes that are answered; ``loss_bbox`` is that of YOLOX's own boxes, which the
        buckets lie around.

        Args:
            cls_scores: As :meth:`forward` answers.
            bbox_preds: Likewise.
            objectnesses: Likewise.
            batch_gt_instances: True boxes, ``bboxes`` and ``labels``, one per image.
            batch_img_metas: One per image.
            batch_gt_instances_ignore: As YOLOX takes it.

        Returns:
            ``loss_cls``, ``loss_bbox``, ``loss_obj``, ``loss_bucket`` (Eq. 3), ``loss_offset``, and ``loss_l1`` where
            YOLOX has it, each divided by the number of foreground locations; all are there without any, too.
        """
        images = len(batch_img_metas)
        priors = self.priors(cls_scores)
        scores, reg, objectness = (rows(maps) for maps in (cls_scores, bbox_preds, objectnesses))
        candidates = self._bbox_decode(priors, reg[..., :4])
        with torch.no_grad():
            boxes = self.decode(candidates.flatten(0, 1), reg.flatten(0, 1)).view_as(candidates)
        masks, cls_targets, obj_targets, box_targets, l1_targets, numbers = multi_apply(
            self._get_targets_single,
            [priors] * images,
            scores.detach(),
            boxes,
            objectness[..., 0].detach(),
            batch_gt_instances,
            batch_img_metas,
            batch_gt_instances_ignore or [None] * images,
        )
        number = max(reduce_mean(scores.new_tensor(float(sum(numbers)))), 1.0)
        foreground = torch.cat(masks).nonzero().squeeze(1)
        truth = torch.cat(box_targets)
        reg, candidates = reg.flatten(0, 1)[foreground], candidates.flatten(0, 1)[foreground]
        # Objectness first: where boxes have weights, it is counted with the class's score (RowWeightMixin).
        losses = dict(
            loss_obj=self.loss_obj(objectness.flatten(0, 1), torch.cat(obj_targets)),
            loss_cls=self.loss_cls(scores.flatten(0, 1)[foreground], torch.cat(cls_targets)),
            loss_bbox=self.loss_bbox(candidates, truth),
            **self.bucket_losses(candidates.detach(), reg, truth),
        )
        if self.use_l1:
            losses['loss_l1'] = self.loss_l1(reg[:, :4], torch.cat(l1_targets))
        return {name: value / number for name, value in losses.items()}

    def bucket_losses(
        self, candidates: Tensor, reg_pred: Tensor, truth: Tensor
    ) -> dict[str, Tensor]:
        """Both terms of Eq. 5, as their modules reduce them.

        Args:
            candidates: Boxes that the buckets lie around, shape (N, 4).
            reg_pred: Localizations, shape (N, 4 + 8 K).
            truth: True boxes, shape (N, 4).
        """
        targets = self.bbox_coder.encode(candidates, truth)
        _, logits, offsets = self.split(reg_pred)
        labels = torch.stack([targets.labels, targets.label_weights], dim=1)
        places = torch.stack([targets.offsets, targets.offset_weights], dim=1)
        return dict(
            loss_bucket=self.loss_bucket(logits, labels),
            loss_offset=self.loss_offset(offsets, places),
        )

    # ---------------------------------------------------------------- prediction

    def predict_by_feat(
        self,
        cls_scores: Sequence[Tensor],
        bbox_preds: Sequence[Tensor],
        objectnesses: Sequence[Tensor],
        batch_img_metas: Sequence[dict],
        cfg: ConfigDict | None = None,
        rescale: bool = False,
        with_nms: bool = True,
    ) -> list[InstanceData]:
        """Predictions with both certainties.

        ``score_thr`` is tested on p, YOLOX's score (class times objectness); non-maximum suppression ranks by p * v.

        Args:
            cls_scores: As :meth:`forward` answers.
            bbox_preds: Likewise.
            objectnesses: Likewise.
            batch_img_metas: One per image.
            cfg: In the place of ``test_cfg``; ``max_per_img`` is 100 where it is not written.
            rescale: Whether boxes are in pixels of the original images.
            with_nms: Without, all boxes of p at least ``score_thr``, in no order.

        Returns:
            Per image ``bboxes`` (n, 4), and of shape (n,) ``scores`` = p * v, ``labels``, ``cls_certainty`` = p,
            ``loc_certainty`` = v.
        """
        cfg = self.test_cfg if cfg is None else cfg
        priors = self.priors(cls_scores)
        scores, reg, objectness = (rows(maps) for maps in (cls_scores, bbox_preds, objectnesses))
        best, labels = scores.sigmoid().max(dim=-1)
        certainty = best * objectness[..., 0].sigmoid()
        results = []
        for image, meta in enumerate(batch_img_metas):
            keep = (certainty[image] >= cfg.score_thr).nonzero().squeeze(1)
            found = reg[image, keep]
            p, v = certainty[image, keep], self.loc_certainty(self.split(found)[1])
            result = InstanceData(
                bboxes=self.decode(self._bbox_decode(priors[keep], found[:, :4]), found),
                scores=p * v,
                labels=labels[image, keep],
                cls_certainty=p,
                loc_certainty=v,
            )
            result = self._bbox_post_process(result, cfg, rescale, with_nms, meta)
            results.append(result[: cfg.get('max_per_img', MAX_PER_IMAGE)] if with_nms else result)
        return results


def rows(maps: Sequence[Tensor]) -> Tensor:
    """Maps of all levels, shape (B, C, H, W) each, as one row per location; shape (B, P, C), float32."""
    return torch.cat([level.flatten(2).transpose(1, 2) for level in maps], dim=1).float()
