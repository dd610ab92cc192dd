"""Adaptive anchor assignment (ASA): assigns anchors to boxes by predicted costs.

``V`` places that lie in a box, ``G`` boxes, ``C`` classes; boxes are ``x1 y1 x2 y2`` in pixels.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmdet.models.task_modules.assigners import AssignResult, DynamicSoftLabelAssigner
from mmdet.models.task_modules.assigners.dynamic_soft_label_assigner import EPS, INF
from mmdet.registry import TASK_UTILS
from mmengine.structures import InstanceData
from torch import Tensor


@TASK_UTILS.register_module()
class AdaptiveAssigner(DynamicSoftLabelAssigner):
    """mmdet's dynamic matching with the costs of a RetinaNet: focal loss, -log IoU and distance from the center.

    A fixed IoU of anchors turns a badly placed pseudo box into wrong foreground. Here each box takes as many of the
    places of least cost as the IoUs of its best ``topk`` sum to, at least one, among those that lie in a box. It
    belongs to heads that hand on their predictions: those derived from ``RTMDetHead``.

    Args:
        alpha: Share of foreground in the focal loss, in [0, 1].
        gamma: Exponent of the focal term, at least 0.
        kwargs: ``iou_weight``, ``topk`` and ``soft_center_radius`` as mmdet's.

    Source: Wang et al., "Consistent-Teacher", CVPR 2023, section 3.2; weights of the costs: its public code.
    """

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha
        self.gamma = gamma

    def assign(
        self,
        pred_instances: InstanceData,
        gt_instances: InstanceData,
        gt_instances_ignore: InstanceData | None = None,
        **kwargs: Any,
    ) -> AssignResult:
        """As mmdet's, of logits ``scores`` (N, C), ``bboxes`` (N, 4), ``priors`` (N, 4) as point and stride."""
        boxes, labels, priors = gt_instances.bboxes, gt_instances.labels, pred_instances.priors
        points = priors[:, None, :2]
        margins = torch.cat([points - boxes[:, :2], boxes[:, 2:] - points], dim=2)
        near = (margins.amin(dim=2) > 0).any(dim=1)
        if not near.any():
            return super().assign(pred_instances, gt_instances, gt_instances_ignore, **kwargs)
        ious = self.iou_calculator(pred_instances.bboxes[near], boxes)
        centers = (boxes[:, :2] + boxes[:, 2:]) / 2
        distances = (points[near] - centers).norm(dim=2) / priors[near, 2:3]
        cost = (
            self.class_cost(pred_instances.scores[near], labels)
            - torch.log(ious + EPS) * self.iou_weight
            + 10 ** (distances - self.soft_center_radius)
        )
        # It narrows `near` to the places that have a box.
        overlaps, chosen = self.dynamic_k_matching(cost, ious, len(boxes), near)
        numbers = labels.new_zeros(len(priors), dtype=torch.long)
        numbers[near] = chosen + 1
        assigned = torch.full_like(numbers, -1)
        assigned[near] = labels[chosen].long()
        best = overlaps.new_full((len(priors),), -INF, dtype=torch.float32)
        best[near] = overlaps.float()
        return AssignResult(len(boxes), numbers, best, labels=assigned)

    def class_cost(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Focal loss over all classes of a place (V, C) with each box's class (G,): (V, G)."""
        scores = logits.float().sigmoid()
        no = (1 - self.alpha) * scores**self.gamma * -F.logsigmoid(-logits.float())
        yes = self.alpha * (1 - scores) ** self.gamma * -F.logsigmoid(logits.float())
        return no.sum(dim=1, keepdim=True) + (yes - no)[:, labels.long()]
