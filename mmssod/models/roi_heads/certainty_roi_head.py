"""RoI head with per-box weights and returned foreground certainties.

``N`` RoIs of all images, ``M`` classes.
"""

from typing import Any

import torch
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.task_modules import AssignResult, SamplingResult
from mmdet.registry import MODELS
from mmdet.structures.bbox import bbox2roi
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor

from mmssod.equations import class_certainty_sums


class BoxWeightSampler:
    """Hands the ``weights`` of true (or pseudo) boxes to the RoIs assigned to them.

    Wraps any mmdet sampler and adds ``pos_weights`` of shape (number of foreground RoIs,) to its result, and
    ``neg_weights``, 1 for each background RoI; boxes without ``weights`` count 1.

    Args:
        sampler: The sampler to wrap.
    """

    def __init__(self, sampler: Any) -> None:
        self.sampler = sampler

    def sample(
        self,
        assign_result: AssignResult,
        pred_instances: InstanceData,
        gt_instances: InstanceData,
        **kwargs: Any,
    ) -> SamplingResult:
        """As the wrapped sampler's ``sample``."""
        result = self.sampler.sample(assign_result, pred_instances, gt_instances, **kwargs)
        if 'weights' in gt_instances:
            result.pos_weights = gt_instances.weights[result.pos_assigned_gt_inds]
        else:
            result.pos_weights = result.pos_priors.new_ones(len(result.pos_priors))
        result.neg_weights = result.neg_priors.new_ones(len(result.neg_priors))
        return result


@MODELS.register_module()
class CertaintyRoIHead(StandardRoIHead):
    """mmdet's RoI head with a weight per box, and the sums of Eq. 6 among its losses.

    ``fg_certainty`` and ``fg_count``, both of shape (M,), carry no "loss" in their names and so are not part of
    the objective. Heads without buckets have localization certainty 1.
    """

    takes_box_weights = True
    weighs_location = True  # whether weights count in the losses of boxes, too

    bbox_sampler: Any

    def init_assigner_sampler(self) -> None:
        """mmdet's, with the sampler wrapped."""
        super().init_assigner_sampler()
        if self.train_cfg:
            self.bbox_sampler = BoxWeightSampler(self.bbox_sampler)

    def _bbox_forward(self, x: tuple[Tensor, ...], rois: Tensor) -> dict:
        # The extractor gives RoIs the type of the features: in half precision they would be rounded by pixels.
        return super()._bbox_forward(tuple(level.float() for level in x), rois)

    def bbox_loss(self, x: tuple[Tensor, ...], sampling_results: list[SamplingResult]) -> dict:
        """Losses of sampled RoIs, each weighted.

        Args:
            x: Feature maps.
            sampling_results: One an image, with ``pos_weights`` and ``neg_weights``.

        Returns:
            As mmdet's: ``cls_score``, ``bbox_pred``, ``bbox_feats`` and ``loss_bbox``.
        """
        rois = bbox2roi([result.priors for result in sampling_results])
        results = self._bbox_forward(x, rois)
        losses, _ = weighted_loss(
            self.bbox_head,
            results,
            rois,
            sampling_results,
            self.train_cfg,
            location=self.weighs_location,
        )
        results.update(loss_bbox=losses)
        return results


def weighted_loss(
    bbox_head: Any,
    results: dict,
    rois: Tensor,
    sampling_results: list[SamplingResult],
    train_cfg: ConfigDict,
    *,
    location: bool = True,
) -> tuple[dict[str, Tensor], tuple]:
    """Losses of one box head on weighted RoIs, with the sums of Eq. 6.

    Args:
        bbox_head: Any box head of mmdet or of ours.
        results: With ``cls_score`` (N, M + 1) and ``bbox_pred`` of the RoIs.
        rois: Image index and box, shape (N, 5).
        sampling_results: One an image, with ``pos_weights`` and ``neg_weights``.
        train_cfg: Training config of the head.
        location: Whether weights count in the losses of boxes, too.

    Returns:
        Losses by name, and the weighted targets: labels, label weights, box targets, box weights.
    """
    targets = bbox_head.get_targets(sampling_results, train_cfg)
    targets = weight_targets(targets, roi_weights(sampling_results), location=location)
    losses = bbox_head.loss(results['cls_score'], results['bbox_pred'], rois, *targets)
    losses.update(foreground_certainty(bbox_head, results, labels=targets[0]))
    return losses, targets


@torch.no_grad()
def foreground_certainty(bbox_head: Any, results: dict, labels: Tensor) -> dict[str, Tensor]:
    """The two sums of Eq. 6 over foreground RoIs.

    Args:
        bbox_head: The head that gave the results; without buckets its localization certainty is 1.
        results: With ``cls_score`` (N, M + 1) and ``bbox_pred``.
        labels: Classes, ``M`` is background, shape (N,).
    """
    num_classes = bbox_head.num_classes
    foreground = (labels < num_classes).nonzero().squeeze(1)
    labels = labels[foreground]
    scores = results['cls_score'][foreground].float().softmax(dim=-1)
    certainty = scores.gather(1, labels[:, None]).squeeze(1)
    if hasattr(bbox_head, 'loc_certainty'):
        localization = bbox_head.loc_certainty(results['bbox_pred'][foreground])
    else:
        localization = torch.ones_like(certainty)
    sums, counts = class_certainty_sums(certainty, localization, labels, num_classes)
    return dict(fg_certainty=sums, fg_count=counts)


def roi_weights(sampling_results: list[SamplingResult]) -> Tensor:
    """Weights in the order of targets: each image's foreground, then its background; shape (N,)."""
    weights = []
    for result in sampling_results:
        weights += [result.pos_weights, result.neg_weights]
    return torch.cat(weights)


def weight_targets(targets: tuple, weights: Tensor, *, location: bool = True) -> tuple:
    """Multiply classification and localization weights of mmdet's target tuple.

    Args:
        targets: Labels, label weights, box targets, box weights; the last is a tensor or a tuple of tensors
            (SABL), first dimension N.
        weights: Shape (N,).
        location: Whether the localization weights are multiplied.
    """
    labels, label_weights, bbox_targets, bbox_weights = targets

    def scaled(value: Tensor | tuple) -> Tensor | tuple:
        if isinstance(value, tuple):
            return tuple(scaled(part) for part in value)
        return value * weights.view(-1, *[1] * (value.dim() - 1))

    if location:
        bbox_weights = scaled(bbox_weights)
    return labels, scaled(label_weights), bbox_targets, bbox_weights
