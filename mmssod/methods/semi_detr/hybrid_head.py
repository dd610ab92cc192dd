"""Stage-wise hybrid matching: one-to-many assignment in the first stage, one-to-one in the second.

``N`` queries of all images, ``n`` of one image, ``G`` boxes of that image, ``C`` classes; boxes ``x1 y1 x2 y2`` in
absolute pixels where nothing else is said.
"""

from __future__ import annotations

from typing import Any

import torch
from mmcv.ops import batched_nms
from mmdet.models.dense_heads import DINOHead
from mmdet.models.losses import FocalLoss
from mmdet.models.losses.gfocal_loss import quality_focal_loss
from mmdet.models.task_modules.assigners import AssignResult, HungarianAssigner
from mmdet.registry import MODELS, TASK_UTILS
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_overlaps
from mmdet.utils import InstanceList, reduce_mean
from mmengine.structures import InstanceData
from scipy.optimize import linear_sum_assignment
from torch import Tensor

EPS = 1e-7  # of the source; a quality that is not far above it is small
NMS = dict(type='nms', iou_threshold=0.6)
LEAST_SCORE = 0.01


@TASK_UTILS.register_module()
class HybridAssigner(HungarianAssigner):
    r"""Mmdet's one-to-one matching, and one-to-many matching by a quality while :attr:`one_to_many` is set.

    .. math:: m = s^\alpha u^\beta

    of a query's score ``s`` of the box's class and its IoU ``u`` with the box: each box takes the ``topk`` queries of
    the greatest ``m`` above 0, and a query that several want the box of the greatest IoU.

    Args:
        match_costs: As mmdet's.
        topk: Queries a box, at least 1.
        alpha: Exponent of the score.
        beta: Exponent of the IoU.

    Attributes:
        quality: Quality of the last call's queries, shape (n,): ``m`` scaled so that the best query of a box has
            the greatest IoU among that box's, 0 in the background; None after one-to-one matching.

    Source: Zhang et al., "Semi-DETR", CVPR 2023, section 3.2; values: its public code. The measure is TOOD's.
    """

    def __init__(
        self, match_costs: Any, topk: int = 13, alpha: float = 1.0, beta: float = 6.0
    ) -> None:
        super().__init__(match_costs)
        self.topk = topk
        self.alpha = alpha
        self.beta = beta
        self.one_to_many = False
        self.quality: Tensor | None = None

    def match(self, one_to_many: bool) -> None:
        """Choose the stage; a method, so that it reaches the assigner through what is wrapped around it."""
        self.one_to_many = one_to_many

    def assign(
        self,
        pred_instances: InstanceData,
        gt_instances: InstanceData,
        img_meta: dict | None = None,
        **kwargs: Any,
    ) -> AssignResult:
        """As mmdet's, of logits ``scores`` (n, C) and ``bboxes`` (n, 4)."""
        self.quality = None
        if not self.one_to_many:
            return super().assign(pred_instances, gt_instances, img_meta, **kwargs)
        labels = gt_instances.labels
        ious = bbox_overlaps(pred_instances.bboxes, gt_instances.bboxes)
        scores = pred_instances.scores.float().sigmoid()[:, labels]
        owners, self.quality = match_many(scores**self.alpha * ious**self.beta, ious, self.topk)
        classes = torch.full_like(owners, -1)
        classes[owners > 0] = labels[owners[owners > 0] - 1]
        return AssignResult(len(labels), owners, None, labels=classes)

    @torch.no_grad()
    def costs(
        self, pred_instances: InstanceData, gt_instances: InstanceData, img_meta: dict
    ) -> tuple[Tensor, Tensor]:
        """One-to-one matching's cost of each matched box, shape (min(n, G),), and which boxes they are; on the host."""
        given = dict(pred_instances=pred_instances, gt_instances=gt_instances, img_meta=img_meta)
        cost = sum(match_cost(**given) for match_cost in self.match_costs).cpu()
        rows, boxes = map(torch.from_numpy, linear_sum_assignment(cost))
        return cost[rows, boxes], boxes


def match_many(measure: Tensor, ious: Tensor, topk: int) -> tuple[Tensor, Tensor]:
    """Boxes of one-to-many matching.

    Args:
        measure: How well each query fits each box, at least 0, shape (n, G).
        ious: Shape (n, G).
        topk: Queries a box.

    Returns:
        The box of each query, counted from 1, 0 for background, shape (n,), and the normalized measure, shape (n,).
    """
    if not measure.size(1):
        return measure.new_zeros(len(measure), dtype=torch.long), measure.new_zeros(len(measure))
    best = measure.topk(min(topk, len(measure)), dim=0).indices
    chosen = torch.zeros_like(measure, dtype=torch.bool).scatter_(0, best, True) & (measure > 0)
    iou, box = ious.masked_fill(~chosen, -1.0).max(dim=1)
    own = torch.where(iou < 0, torch.zeros_like(iou), measure.gather(1, box[:, None]).squeeze(1))
    greatest = [
        measure.new_zeros(measure.size(1)).scatter_reduce(0, box, values, 'amax')[box]
        for values in (own, iou)
    ]
    quality = own / (greatest[0] + EPS) * greatest[1]
    return torch.where(iou < 0, 0, box + 1), quality


@MODELS.register_module()
class HybridClassLoss(FocalLoss):
    """Mmdet's focal loss of labels; of labels and qualities the quality focal loss, of the same exponent and weight."""

    def forward(self, pred: Tensor, target: Any, *args: Any, **kwargs: Any) -> Tensor:
        """As mmdet's; ``target`` is labels (N,), background last, or those and qualities (N,) in [0, 1]."""
        if not isinstance(target, tuple):
            return super().forward(pred, target, *args, **kwargs)
        return self.loss_weight * quality_focal_loss(
            pred, target, *args, beta=self.gamma, reduction=self.reduction, **kwargs
        )


@MODELS.register_module()
class HybridDINOHead(DINOHead):
    """mmdet's DINO head, which in the first stage is trained on qualities and weights boxes by them.

    ``train_cfg.assigner`` is a :class:`HybridAssigner`, ``loss_cls`` a :class:`HybridClassLoss`. In the first stage
    overlapping predictions are suppressed, since several queries answer for one object.

    Attributes:
        labels_images: Whether predictions are to be pseudo labels, which are suppressed in both stages.
    """

    labels_images = False

    @property
    def one_to_many(self) -> bool:
        """Whether this is the first stage; a head that was built for tests alone knows none."""
        return getattr(getattr(self, 'assigner', None), 'one_to_many', False)

    def _get_targets_single(self, *args: Any, **kwargs: Any) -> tuple:
        """Mmdet's targets of one image, boxes weighed by quality in the first stage."""
        labels, label_weights, boxes, box_weights, *rest = super()._get_targets_single(
            *args, **kwargs
        )
        quality = self.assigner.quality
        if quality is not None:
            box_weights = box_weights * quality[:, None].to(box_weights)
        return labels, label_weights, boxes, box_weights, *rest

    def loss_by_feat_single(
        self,
        cls_scores: Tensor,
        bbox_preds: Tensor,
        batch_gt_instances: InstanceList,
        batch_img_metas: list[dict],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Losses of class, box and IoU of one layer, as mmdet's; in the first stage each over the sum of qualities."""
        if not self.one_to_many:
            return super().loss_by_feat_single(
                cls_scores, bbox_preds, batch_gt_instances, batch_img_metas
            )
        targets = self.get_targets(
            [*cls_scores], [*bbox_preds], batch_gt_instances, batch_img_metas
        )
        labels, label_weights, boxes, box_weights = map(torch.cat, targets[:4])
        # Box weights are quality times the weight of the box, label weights that weight alone.
        quality = box_weights[:, 0] / label_weights.clamp(min=EPS)
        total = reduce_mean(quality.sum()).clamp(min=1.0).item()
        factors = torch.cat(
            [
                pred.new_tensor(meta['img_shape'][::-1]).repeat(len(pred), 2)
                for pred, meta in zip(bbox_preds, batch_img_metas, strict=True)
            ]
        )
        preds = bbox_preds.flatten(0, 1)
        corners = [bbox_cxcywh_to_xyxy(value) * factors for value in (preds, boxes)]
        loss_cls = self.loss_cls(
            cls_scores.flatten(0, 1), (labels, quality), label_weights, avg_factor=total
        )
        loss_iou = self.loss_iou(*corners, box_weights, avg_factor=total)
        loss_bbox = self.loss_bbox(preds, boxes, box_weights, avg_factor=total)
        return loss_cls, loss_bbox, loss_iou

    def _predict_by_feat_single(self, *args: Any, **kwargs: Any) -> InstanceData:
        """Mmdet's predictions of one image, suppressed where several queries answer for one object."""
        results = super()._predict_by_feat_single(*args, **kwargs)
        if not (self.one_to_many or self.labels_images):
            return results
        results = results[results.scores > LEAST_SCORE]
        if not len(results):
            return results  # mmcv suppresses at least one box
        _, keep = batched_nms(results.bboxes, results.scores, results.labels, NMS)
        return results[keep]
