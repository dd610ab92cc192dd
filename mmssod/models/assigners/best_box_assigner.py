"""Detectron2's matching of anchors and RoIs to boxes, with ignored boxes.

``G`` true boxes, ``N`` priors (anchors or RoIs); boxes are ``x1 y1 x2 y2`` in pixels.
"""

from __future__ import annotations

from typing import Any

import torch
from mmdet.models.task_modules.assigners import AssignResult, MaxIoUAssigner
from mmdet.registry import TASK_UTILS
from mmengine.structures import InstanceData
from torch import Tensor


@TASK_UTILS.register_module()
class BestBoxAssigner(MaxIoUAssigner):
    """mmdet's IoU assigner, but each foreground prior belongs to the box that it overlaps most.

    Low-quality matches (``match_low_quality``) make the best priors of each box foreground. mmdet then gives such a
    prior to that box even if it overlaps another one more; in Detectron2 it stays with the box it overlaps most.

    Priors of which more than ``ignore_iof_thr`` (a share of their own area) lies on an ignored box are neither
    foreground nor background. This holds in images without any other box, too, where mmdet takes all priors for
    background.

    Args:
        kwargs: As mmdet's ``MaxIoUAssigner``. Detectron2 has no ``min_pos_iou``. Use a tiny number and not 0: a box
            that overlaps no prior at all has a best IoU of 0, and at 0 mmdet gives it every prior of IoU 0.

    Source: Detectron2, ``modeling/matcher.py``.
    """

    @staticmethod
    def ignores_boxes(ignore_iof_thr: Any) -> bool:
        """Whether priors on ignored boxes are left out with this setting."""
        return isinstance(ignore_iof_thr, (int, float)) and ignore_iof_thr > 0

    def assign(
        self,
        pred_instances: InstanceData,
        gt_instances: InstanceData,
        gt_instances_ignore: InstanceData | None = None,
        **kwargs: Any,
    ) -> AssignResult:
        """As mmdet's: -1 for priors that are left out, 0 for background, else the number of the box, from 1."""
        result = super().assign(pred_instances, gt_instances, gt_instances_ignore, **kwargs)
        ignored = gt_instances_ignore.bboxes if gt_instances_ignore is not None else ()
        if self.ignore_iof_thr > 0 and len(ignored) and not len(gt_instances):
            shares = self.iou_calculator(pred_instances.priors, ignored, mode='iof')
            result.gt_inds[shares.max(dim=1).values > self.ignore_iof_thr] = -1
        return result

    def assign_wrt_overlaps(self, overlaps: Tensor, gt_labels: Tensor) -> AssignResult:
        """As mmdet's; shapes (G, N) and (G,)."""
        result = super().assign_wrt_overlaps(overlaps, gt_labels)
        if overlaps.numel():
            best, foreground = overlaps.max(dim=0).indices, result.gt_inds > 0
            result.gt_inds = torch.where(foreground, best + 1, result.gt_inds)
            result.labels = torch.where(foreground, gt_labels[best], result.labels)
        return result
