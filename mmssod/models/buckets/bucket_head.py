"""Base of all bucket heads: losses, and predictions with p and v.

``N`` RoIs, ``M`` classes, ``K`` buckets per side. ``bbox_pred`` has shape (N, 2, 4, K): bucket logits at 0,
offsets in units of the coder's reach at 1; sides left, top, right, bottom.
"""

import math
from typing import Any

import torch
from mmdet.models.layers import multiclass_nms
from mmdet.models.roi_heads.bbox_heads import ConvFCBBoxHead
from mmdet.structures.bbox import scale_boxes
from mmdet.utils import ConfigType
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor

from mmssod import equations


class BucketHead(ConvFCBBoxHead):
    """Base of the heads that localize by a choice among buckets (paper, section 2.2).

    Subclasses give ``forward``; localization is class agnostic.

    Args:
        bbox_coder: Config of a :class:`SideBucketCoder`.
        bucket_loss_weight: Weight of Eq. 3, which sums over four sides; a quarter makes it SABL's mean.
        offset_loss_weight: Weight of the smooth L1 term of Eq. 5, likewise.
        offset_beta: Where smooth L1 turns from square to line, in units of the coder's reach.
        kwargs: As :class:`mmdet.models.ConvFCBBoxHead`; an unknown name is an error there.
    """

    def __init__(
        self,
        bbox_coder: ConfigType,
        bucket_loss_weight: float = 0.25,
        offset_loss_weight: float = 0.25,
        offset_beta: float = 0.1,
        **kwargs: Any,
    ) -> None:
        # reg_decoded_bbox makes mmdet hand over the true boxes themselves; they are encoded in `loss`, all images
        # at once.
        super().__init__(
            bbox_coder=bbox_coder, reg_decoded_bbox=True, reg_class_agnostic=True, **kwargs
        )
        self.num_buckets: int = self.bbox_coder.num_buckets
        self.bucket_loss_weight = bucket_loss_weight
        self.offset_loss_weight = offset_loss_weight
        self.offset_beta = offset_beta

    @property
    def prior_logit(self) -> float:
        """Where a bucket's logit starts: at probability 1 / K.

        Each bucket is right one time in K; a start at 0.5 would let K - 1 wrong buckets govern the
        first hundreds of iterations.
        """
        return -math.log(self.num_buckets - 1) if self.num_buckets > 2 else 0.0

    def loc_certainty(self, bbox_pred: Tensor) -> Tensor:
        """``v`` of Eq. 4 for predictions of shape (N, 2, 4, K); shape (N,)."""
        return equations.localization_certainty(bbox_pred[:, 0])

    def loss(
        self,
        cls_score: Tensor,
        bbox_pred: Tensor,
        rois: Tensor,
        labels: Tensor,
        label_weights: Tensor,
        bbox_targets: Tensor,
        bbox_weights: Tensor,
        reduction_override: str | None = None,
    ) -> dict[str, Tensor]:
        """Classification loss of mmdet and Eq. 5 on foreground RoIs.

        Args:
            cls_score: Class scores, shape (N, M + 1).
            bbox_pred: Buckets and offsets, shape (N, 2, 4, K).
            rois: Image index and box, shape (N, 5).
            labels: Classes, ``M`` is background, shape (N,).
            label_weights: Classification weights, shape (N,).
            bbox_targets: True boxes, shape (N, 4).
            bbox_weights: Localization weights, one value per row, shape (N, 4).
            reduction_override: As in mmdet, for the classification loss.

        Returns:
            ``loss_cls``, ``acc``, ``loss_bbox_cls`` (Eq. 3) and ``loss_bbox_reg``.
        """
        losses = super().loss(
            cls_score,
            None,
            rois,
            labels,
            label_weights,
            bbox_targets,
            bbox_weights,
            reduction_override,
        )
        foreground = (labels < self.num_classes).nonzero().squeeze(1)
        targets = self.bbox_coder.encode(rois[foreground, 1:], bbox_targets[foreground])
        logits, offsets = bbox_pred[foreground].unbind(dim=1)
        segment = equations.segment_loss(logits, targets.labels, targets.label_weights)
        offset = equations.offset_loss(
            offsets, targets.offsets, targets.offset_weights, beta=self.offset_beta
        )
        weights, num_boxes = bbox_weights[foreground, 0], len(labels)
        for name, value, factor in (
            ('loss_bbox_cls', segment, self.bucket_loss_weight),
            ('loss_bbox_reg', offset, self.offset_loss_weight),
        ):
            losses[name] = factor * equations.expectation_over_boxes(value, weights, num_boxes)
        return losses

    def _predict_by_feat_single(
        self,
        roi: Tensor,
        cls_score: Tensor,
        bbox_pred: Tensor,
        img_meta: dict,
        rescale: bool = False,
        rcnn_test_cfg: ConfigDict | None = None,
    ) -> InstanceData:
        """Predictions of one image.

        ``score_thr`` is tested on the class certainty p; non-maximum suppression ranks by p * v.

        Returns:
            With ``rcnn_test_cfg``: bboxes (n, 4), scores = p * v (n,), labels (n,), cls_certainty (n,),
            loc_certainty (n,). Without: bboxes and class scores of all RoIs, as mmdet gives them.
        """
        class_scores = cls_score.float().softmax(dim=-1)
        certainty = self.loc_certainty(bbox_pred)
        boxes = self.bbox_coder.decode(roi[:, 1:], *bbox_pred.unbind(dim=1), img_meta['img_shape'])
        if rescale and len(boxes) > 0:
            boxes = scale_boxes(boxes, tuple(1 / factor for factor in img_meta['scale_factor']))
        if rcnn_test_cfg is None:
            return InstanceData(bboxes=boxes, scores=class_scores, loc_certainty=certainty)
        detections, labels, indices = multiclass_nms(
            boxes,
            class_scores,
            rcnn_test_cfg.score_thr,
            rcnn_test_cfg.nms,
            rcnn_test_cfg.max_per_img,
            score_factors=certainty,
            return_inds=True,
        )
        return InstanceData(
            bboxes=detections[:, :4],
            scores=detections[:, 4],
            labels=labels,
            cls_certainty=class_scores[:, : self.num_classes].flatten()[indices],
            loc_certainty=certainty[indices // self.num_classes],
        )

    def regress_by_class(
        self, priors: Tensor, label: Tensor, bbox_pred: Tensor, img_meta: dict
    ) -> Tensor:
        """Boxes of the next stage of a cascade; shapes (n, 4), (n,), (n, 2, 4, K) -> (n, 4)."""
        return self.bbox_coder.decode(priors, *bbox_pred.unbind(dim=1), img_meta['img_shape'])


@torch.no_grad()
def start_at(linear: torch.nn.Linear, value: float) -> None:
    """Start all outputs of a linear layer near ``value``."""
    torch.nn.init.normal_(linear.weight, std=0.001)
    torch.nn.init.constant_(linear.bias, value)
