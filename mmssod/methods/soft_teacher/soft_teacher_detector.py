"""Soft Teacher (Xu et al., "End-to-End Semi-Supervised Object Detection with Soft Teacher", ICCV 2021).

``B`` images, ``N`` RoIs of all of them; boxes ``x1 y1 x2 y2`` in absolute pixels of one view.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from mmdet.models.task_modules import SamplingResult
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmdet.utils import InstanceList
from torch import Tensor

from mmssod.models.detectors.losses import Loss, scale_losses, split_foreground
from mmssod.models.detectors.pseudo_label_detector import (
    PseudoLabelDetector,
    mean_boxes,
    with_all_pseudo_labels,
)
from mmssod.models.detectors.two_stage import require_rescoring, rpn_loss, sample_rois
from mmssod.structures import PseudoLabels


@MODELS.register_module()
class SoftTeacherDetector(PseudoLabelDetector):
    """Separate pseudo boxes for each loss, and background weighted by the teacher's background score.

    Candidates are what the selector keeps (score above 0.5 in the paper). The RPN and the classification learn from
    those of high class certainty; RoIs that are background to them count as much as the teacher takes them for
    background. Box regression learns from those whose refined box hardly moves when its start is jittered. This
    regression variance replaces the localization certainty of a candidate: v = 1 - deviation.

    Laws: with a teacher certain of all boxes and of the background, and without deviation, the losses are those of
    :class:`PseudoLabelDetector` with ``empty_images='background'``, as far as both sample the same RoIs.

    Args:
        rpn_threshold: Minimum p of boxes that the RPN learns, in [0, 1].
        cls_threshold: Minimum p of boxes whose class is learned, in [0, 1].
        max_deviation: Maximum deviation of boxes whose place is learned, in widths (heights) of the box.
        num_jitters: Number of jittered copies of a candidate, at least 2.
        jitter_scale: Standard deviation of a side's shift, in widths (heights) of the box.
        kwargs: As :class:`PseudoLabelDetector`; the labeler is a :class:`RescoringTeacher`, ``empty_images`` is
            ``'background'``, and the mixer keeps images.

    Raises:
        TypeError: The student has no :class:`CertaintyRoIHead`, or the labeler is another.
        ValueError: For another mixer or ``empty_images``, which would part the weak views from the strong ones.
    """

    def __init__(
        self,
        rpn_threshold: float = 0.9,
        cls_threshold: float = 0.9,
        max_deviation: float = 0.02,
        num_jitters: int = 10,
        jitter_scale: float = 0.06,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require_rescoring(self)
        self.rpn_threshold = rpn_threshold
        self.cls_threshold = cls_threshold
        self.max_deviation = max_deviation
        self.num_jitters = num_jitters
        self.jitter_scale = jitter_scale

    @torch.no_grad()
    def pseudo_labels(self, inputs: Tensor | None, samples: SampleList) -> list[PseudoLabels]:
        """Candidates of the weak views, one value per image; v is 1 - deviation."""
        candidates = super().pseudo_labels(inputs, samples)
        deviations = self.labeler.deviations(candidates, self.num_jitters, self.jitter_scale)
        return [
            replace(labels, loc_certainty=(1 - deviation).clamp(min=0))
            for labels, deviation in zip(candidates, deviations, strict=True)
        ]

    def unsupervised_loss(
        self, inputs: Tensor, samples: SampleList, targets: list[PseudoLabels]
    ) -> tuple[dict[str, Loss], list[Tensor]]:
        """Losses of RPN, classification and regression, each on boxes of its own; and the sums of Eq. 6.

        Args:
            inputs: Strong views, shape (B, 3, H, W).
            samples: Their samples.
            targets: Candidates in pixels of the strong views.
        """
        features = self.student.extract_feat(inputs)
        sure = choose(targets, lambda labels: labels.cls_certainty > self.cls_threshold)
        steady = choose(targets, lambda labels: 1 - labels.loc_certainty < self.max_deviation)
        proposed = choose(targets, lambda labels: labels.cls_certainty > self.rpn_threshold)
        losses, proposals = rpn_loss(
            self.student, features, with_all_pseudo_labels(samples, proposed)
        )
        roi_losses = self.classification_loss(features, proposals, samples, sure)
        self.labeler.forget()
        losses |= {n: v for n, v in roi_losses.items() if not n.startswith('loss_bbox')}
        losses |= self.regression_loss(features, proposals, with_all_pseudo_labels(samples, steady))
        losses['sure_boxes'] = mean_boxes(sure)
        losses['steady_boxes'] = mean_boxes(steady)
        losses, foreground = split_foreground(losses)
        return scale_losses(losses, self.unsup_weight, self.unsup_loss_weights), foreground

    def classification_loss(
        self,
        features: tuple[Tensor, ...],
        proposals: InstanceList,
        samples: SampleList,
        sure: list[PseudoLabels],
    ) -> dict[str, Tensor]:
        """Losses of RoIs with weighted background; classification is a mean weighted by the RoIs' weights."""
        head = self.student.roi_head
        results = sample_rois(head, features, proposals, with_all_pseudo_labels(samples, sure))
        for result, score in zip(results, self.background_scores(results, samples), strict=True):
            result.neg_weights = score
        losses = head.bbox_loss(features, results)['loss_bbox']
        weights = torch.cat([w for r in results for w in (r.pos_weights, r.neg_weights)])
        # mmdet divides by the number of RoIs of any weight.
        losses['loss_cls'] = losses['loss_cls'] * ((weights > 0).sum() / weights.sum().clamp(min=1))
        return losses

    @torch.no_grad()
    def background_scores(self, results: list[SamplingResult], samples: SampleList) -> list[Tensor]:
        """The teacher's background score of each background RoI, in [0, 1], one tensor per image."""
        boxes = self.labeler.from_views([result.neg_priors for result in results], samples)
        return [answer.scores[:, -1] for answer in self.labeler.rescore(boxes)]

    def regression_loss(
        self, features: tuple[Tensor, ...], proposals: InstanceList, samples: SampleList
    ) -> dict[str, Tensor]:
        """The losses of boxes, whatever the box head calls them, on RoIs sampled for themselves."""
        head = self.student.roi_head
        results = sample_rois(head, features, proposals, samples)
        losses = head.bbox_loss(features, results)['loss_bbox']
        return {name: value for name, value in losses.items() if name.startswith('loss_bbox')}


def choose(
    targets: list[PseudoLabels], rule: Callable[[PseudoLabels], Tensor]
) -> list[PseudoLabels]:
    """The boxes of each image that a rule picks."""
    return [labels.select(rule(labels)) for labels in targets]
