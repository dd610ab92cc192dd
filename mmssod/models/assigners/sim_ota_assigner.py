"""YOLOX's SimOTA assigner with fewer operations.

``N`` priors, of which ``V`` lie in a true box or near the center of one, ``G`` true boxes, ``C`` classes; boxes are
``x1 y1 x2 y2`` in pixels.
"""

from __future__ import annotations

from typing import Any

import torch
from mmdet.models.task_modules.assigners import AssignResult
from mmdet.models.task_modules.assigners import SimOTAAssigner as MMDetSimOTAAssigner
from mmdet.models.task_modules.assigners.sim_ota_assigner import EPS, INF
from mmdet.registry import TASK_UTILS
from mmengine.structures import InstanceData
from torch import Tensor


@TASK_UTILS.register_module(force=True)
class SimOTAAssigner(MMDetSimOTAAssigner):
    """mmdet's assigner, faster; the same costs up to rounding and the same matches.

    mmdet computes a binary cross entropy over V * G * C scores; those of a prior differ between true boxes in one class
    each, so V * C logarithms are enough. Boxes with the same number of matches are matched at once.

    It takes the place of mmdet's in the registry, so that configs and exported detectors stay plain ones.
    """

    def assign(
        self,
        pred_instances: InstanceData,
        gt_instances: InstanceData,
        gt_instances_ignore: InstanceData | None = None,
        **kwargs: Any,
    ) -> AssignResult:
        """As mmdet's: 0 for background, else the number of the box, from 1."""
        boxes, labels, priors = gt_instances.bboxes, gt_instances.labels, pred_instances.priors
        near = both = priors.new_zeros(0)
        if len(boxes) and len(priors):
            in_box, in_center = self.inside(priors, boxes)
            both = in_box & in_center
            near = (in_box | in_center).any(1).nonzero().squeeze(1)
        if not len(near):
            return super().assign(pred_instances, gt_instances, gt_instances_ignore, **kwargs)
        ious = self.iou_calculator(pred_instances.bboxes[near], boxes)
        cost = (
            class_cost(pred_instances.scores[near], labels) * self.cls_weight
            - torch.log(ious + EPS) * self.iou_weight
            + ~both[near] * INF
        )
        rows, indices = self.match(cost, ious)
        places = near[rows]
        numbers = labels.new_zeros(len(priors), dtype=torch.long)
        numbers[places] = indices + 1
        assigned = torch.full_like(numbers, -1)
        assigned[places] = labels[indices].long()
        overlaps = torch.full_like(numbers, -INF, dtype=torch.float32)
        overlaps[places] = ious[rows, indices].float()
        return AssignResult(len(boxes), numbers, overlaps, labels=assigned)

    def inside(self, priors: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Which priors lie in which boxes, and which near their centers; both of shape (N, G)."""
        points, strides = priors.t()[..., None].split(2)
        low, high = boxes.t()[:, None].split(2)
        center, reach = (low + high) / 2.0, self.center_radius * strides
        bounds = (low, high), (center - reach, center + reach)
        x_and_y = [(points - first > 0) & (last - points > 0) for first, last in bounds]
        return x_and_y[0].all(0), x_and_y[1].all(0)

    def match(self, cost: Tensor, ious: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of foreground priors and their boxes, from matrices of shape (V, G); a prior has one box at most."""
        best = ious.topk(min(self.candidate_topk, len(ious)), dim=0).values
        numbers = best.sum(0).int().clamp(min=1).tolist()
        matches = torch.zeros_like(cost, dtype=torch.uint8)
        for number in set(numbers):
            columns = cost.new_tensor(
                [i for i, n in enumerate(numbers) if n == number], dtype=torch.long
            )
            rows = cost[:, columns].topk(number, dim=0, largest=False).indices
            matches[rows, columns] = 1
        contested = (matches.sum(1) > 1).nonzero().squeeze(1)
        matches[contested] = 0
        matches[contested, cost[contested].min(1).indices] = 1
        rows, indices = matches.nonzero(as_tuple=True)
        return rows, indices


def class_cost(scores: Tensor, labels: Tensor) -> Tensor:
    """Binary cross entropy of scores (V, C) in [0, 1] to one-hot labels (G,), summed over classes: (V, G).

    Logarithms end at -100, as torch's do.
    """
    log_no = torch.log1p(-scores.float()).clamp(min=-100)
    log_yes = torch.log(scores.float()).clamp(min=-100)
    of_label = (log_no - log_yes).index_select(1, labels.long())
    return (of_label - log_no.sum(1, keepdim=True)).to(scores.dtype)
