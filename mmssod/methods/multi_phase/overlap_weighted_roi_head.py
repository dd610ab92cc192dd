"""RoI head that weights pseudo boxes by their IoU with the RoI. ``N`` RoIs."""

from typing import Any

import torch
from mmdet.models.task_modules import AssignResult, SamplingResult
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, SampleList
from mmdet.utils import InstanceList
from mmengine.structures import InstanceData
from torch import Tensor

from mmssod.models.roi_heads.certainty_roi_head import BoxWeightSampler, CertaintyRoIHead


def overlap_weight(iou: Tensor) -> Tensor:
    r"""Weight of a RoI of a pseudo-labeled image by its greatest IoU with a pseudo box.

    .. math:: w = 0.25 + 0.75 \exp(-50 \exp(-15 \, \mathrm{IoU}_{max}))

    It rises with the overlap: 0.25 at 0, 0.31 at 0.2, 0.98 at 0.5. So foreground counts nearly in full, and most of the
    background, where an object that no label marks may lie, a quarter.

    Args:
        iou: In [0, 1], shape (N,).

    Source: Wang et al., "Data-Uncertainty Guided Multi-Phase Learning for Semi-Supervised Object Detection", 2021.
    """
    return 0.25 + 0.75 * torch.exp(-50 * torch.exp(-15 * iou))


class OverlapWeightSampler(BoxWeightSampler):
    """Weights RoIs by their overlap with a box where the boxes say that they are pseudo labels."""

    def sample(
        self,
        assign_result: AssignResult,
        pred_instances: InstanceData,
        gt_instances: InstanceData,
        **kwargs: Any,
    ) -> SamplingResult:
        """As the wrapped sampler's ``sample``."""
        result = super().sample(assign_result, pred_instances, gt_instances, **kwargs)
        if 'pseudo' in gt_instances and len(gt_instances):
            # mmdet's sampler has added the boxes themselves to the assignment, where they are candidates.
            weights = overlap_weight(assign_result.max_overlaps)
            result.pos_weights = result.pos_weights * weights[result.pos_inds]
            result.neg_weights = result.neg_weights * weights[result.neg_inds]
        return result


@MODELS.register_module()
class OverlapWeightedRoIHead(CertaintyRoIHead):
    """Weights RoIs of pseudo-labeled images by :func:`overlap_weight`, background too (Multi-Phase).

    A sample is pseudo-labeled when its metainfo says so (``pseudo_labeled``, by the transform ``MarkPseudoLabeled``).
    """

    def init_assigner_sampler(self) -> None:
        """mmdet's, with the sampler wrapped."""
        super().init_assigner_sampler()
        if self.train_cfg:
            self.bbox_sampler = OverlapWeightSampler(self.bbox_sampler.sampler)

    def loss(
        self,
        x: tuple[Tensor, ...],
        rpn_results_list: InstanceList,
        batch_data_samples: SampleList,
    ) -> dict:
        """Losses of sampled RoIs; arguments as mmdet's."""
        return super().loss(x, rpn_results_list, [marked(sample) for sample in batch_data_samples])


def marked(sample: DetDataSample) -> DetDataSample:
    """The sample; of a pseudo-labeled image one like it whose boxes say so."""
    if not sample.metainfo.get('pseudo_labeled', False):
        return sample
    boxes = sample.gt_instances
    other = DetDataSample(metainfo=sample.metainfo)
    other.gt_instances = InstanceData(
        **dict(boxes.items()), pseudo=torch.ones_like(boxes.labels, dtype=torch.bool)
    )
    if 'ignored_instances' in sample:
        other.ignored_instances = sample.ignored_instances
    return other
