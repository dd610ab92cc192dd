"""RepPoints' assigner, fixed to work on the device of its points."""

from __future__ import annotations

from typing import Any

from mmdet.models.task_modules.assigners import AssignResult
from mmdet.models.task_modules.assigners import PointAssigner as MMDetPointAssigner
from mmdet.registry import TASK_UTILS
from mmengine.structures import InstanceData


@TASK_UTILS.register_module(force=True)
class PointAssigner(MMDetPointAssigner):
    """mmdet's assigner, fixed: it indexes a CPU tensor with a GPU tensor, which PyTorch >= 1.13 rejects.

    It takes the place of mmdet's in the registry, so that all detectors with it train on a GPU.

    Source: https://github.com/open-mmlab/mmdetection/issues/10436
    """

    def assign(
        self,
        pred_instances: InstanceData,
        gt_instances: InstanceData,
        gt_instances_ignore: InstanceData | None = None,
        **kwargs: Any,
    ) -> AssignResult:
        """As mmdet's; tensors that it makes are on the device of the points."""
        with pred_instances.priors.device:
            return super().assign(pred_instances, gt_instances, gt_instances_ignore, **kwargs)
