"""Cascade R-CNN's RoI head, with per-box weights and returned foreground certainties."""

from typing import Any

from mmdet.models.roi_heads import CascadeRoIHead
from mmdet.models.task_modules import SamplingResult
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox2roi
from mmdet.utils import InstanceList
from torch import Tensor

from .certainty_roi_head import BoxWeightSampler, weighted_loss

SUMS = ('fg_certainty', 'fg_count')


@MODELS.register_module()
class CertaintyCascadeRoIHead(CascadeRoIHead):
    """mmdet's cascade with a weight per box in every stage, and the sums of Eq. 6 of its last one.

    The last stage's foreground is what overlaps a box well, and its boxes are those that the detector answers; the
    stages before it would count the same objects again.
    """

    takes_box_weights = True

    bbox_sampler: Any

    def init_assigner_sampler(self) -> None:
        """mmdet's, with the sampler of each stage wrapped."""
        super().init_assigner_sampler()
        self.bbox_sampler = [BoxWeightSampler(sampler) for sampler in self.bbox_sampler]

    def _bbox_forward(self, stage: int, x: tuple[Tensor, ...], rois: Tensor) -> dict:
        # The extractor gives RoIs the type of the features: in half precision they would be rounded by pixels.
        return super()._bbox_forward(stage, tuple(level.float() for level in x), rois)

    def bbox_loss(
        self, stage: int, x: tuple[Tensor, ...], sampling_results: list[SamplingResult]
    ) -> dict:
        """Losses of one stage, each RoI weighted; as mmdet's, with ``rois`` and ``bbox_targets`` for the next one."""
        rois = bbox2roi([result.priors for result in sampling_results])
        results = self._bbox_forward(stage, x, rois)
        losses, targets = weighted_loss(
            self.bbox_head[stage], results, rois, sampling_results, self.train_cfg[stage]
        )
        results.update(rois=rois, loss_bbox=losses, bbox_targets=targets)
        return results

    def loss(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
    ) -> dict:
        """Losses of mmdet, ``s0.*``, ``s1.*``, ..., and ``fg_certainty`` and ``fg_count``, each of shape (M,)."""
        losses = super().loss(x, rpn_results_list, batch_data_samples)
        stages = [[losses.pop(f's{n}.{name}') for name in SUMS] for n in _stages(losses)]
        losses.update(zip(SUMS, stages[-1], strict=True))
        return losses


def _stages(losses: dict) -> list[int]:
    """The stages that ran; all but the first are left out where no proposal was left."""
    return sorted(int(name[1 : name.index('.')]) for name in losses if name.endswith(SUMS[0]))
