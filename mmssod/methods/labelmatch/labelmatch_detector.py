"""LabelMatch (Chen et al., "Label Matching Semi-Supervised Object Detection", CVPR 2022).

``B`` images; of one image ``G`` pseudo boxes, ``n`` RoIs on those that are uncertain; ``M`` classes. Boxes
``x1 y1 x2 y2`` in absolute pixels of one view.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmdet.models.task_modules import SamplingResult
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, SampleList
from mmdet.structures.bbox import bbox_overlaps
from mmengine.structures import InstanceData
from torch import Tensor

from mmssod.environment.errors import InputError
from mmssod.models.detectors.losses import Loss, scale_losses, split_foreground
from mmssod.models.detectors.pseudo_label_detector import (
    PseudoLabelDetector,
    with_all_pseudo_labels,
)
from mmssod.models.detectors.two_stage import require_rescoring, rpn_loss, sample_rois
from mmssod.models.pseudo import MatchingBalancer
from mmssod.models.pseudo.rescoring_teacher import at_class
from mmssod.structures import PseudoLabels, move_boxes, view_change


@MODELS.register_module()
class LabelMatchDetector(PseudoLabelDetector):
    """Certain boxes are trained as true ones; proposals on uncertain ones are trained with the teacher's scores.

    Pseudo boxes are those above the balancer's thresholds, as many as labels are (``share=1``). The RPN learns all of
    them. To the second stage a box is reliable above the threshold at which only ``reliable_share`` of them are left,
    and uncertain else. A RoI on an uncertain box has no loss of class and place: its scores learn those that the
    teacher gives to the same place of the weak view, sharpened (``loss_soft``). If the teacher, asked at all RoIs of an
    uncertain box, finds its class and its place again, the box is reliable after all.

    Laws: at ``reliable_share = share`` nothing is uncertain, and losses are those of :class:`PseudoLabelDetector` with
    ``empty_images='background'``, as far as both sample the same RoIs.

    Args:
        reliable_share: Reliable boxes over labeled boxes per image, above 0, at most the balancer's ``share``.
        temperature: Temperature of the teacher's scores; below 1 sharpens, above 0.
        promoted_score: Minimum mean score of an uncertain box's class, over its RoIs, for it to be reliable, in [0, 1].
        promoted_iou: Minimum mean IoU of the box with what the teacher makes of its RoIs, in [0, 1].
        kwargs: As :class:`PseudoLabelDetector`; the labeler is a :class:`RescoringTeacher`, the balancer a
            :class:`MatchingBalancer`, ``empty_images`` is ``'background'``, and the mixer keeps images.

    Raises:
        TypeError: The student has no :class:`CertaintyRoIHead`, or labeler or balancer are others.
        ValueError: For values outside these ranges, another mixer or another ``empty_images``.
    """

    def __init__(
        self,
        reliable_share: float = 0.2,
        temperature: float = 0.5,
        promoted_score: float = 0.8,
        promoted_iou: float = 0.8,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require_rescoring(self)
        if not isinstance(self.balancer, MatchingBalancer):
            raise TypeError(
                f"{type(self).__name__}: expected balancer.type='MatchingBalancer', got "
                f'{type(self.balancer).__name__!r}'
            )
        if not 0 < reliable_share <= self.balancer.share or not temperature > 0:
            raise InputError(
                f'expected 0 < reliable_share <= balancer.share={self.balancer.share} and temperature > 0, got '
                f'reliable_share={reliable_share}, temperature={temperature}'
            )
        self.reliable_share = reliable_share
        self.temperature = temperature
        self.promoted_score = promoted_score
        self.promoted_iou = promoted_iou

    def unsupervised_loss(
        self, inputs: Tensor, samples: SampleList, targets: list[PseudoLabels]
    ) -> tuple[dict[str, Loss], list[Tensor]]:
        """Losses of the RPN on all boxes, of RoIs on reliable ones, and the soft one; and the sums of Eq. 6.

        Args:
            inputs: Strong views, shape (B, 3, H, W).
            samples: Their samples.
            targets: Boxes in pixels of the strong views.
        """
        features = self.student.extract_feat(inputs)
        strong = with_all_pseudo_labels(samples, targets)
        losses, proposals = rpn_loss(self.student, features, strong)
        head = self.student.roi_head
        results = sample_rois(head, features, proposals, strong)
        reliable = [self.reliable(labels) for labels in targets]
        answers = self.answers(results, samples, reliable)
        promoted = [
            self.promoted(*each)
            for each in zip(results, samples, self.labeler.samples, targets, answers, strict=True)
        ]
        self.labeler.forget()
        soft_weights = []
        for result, sure, found in zip(results, reliable, promoted, strict=True):
            hard = (sure | found)[result.pos_assigned_gt_inds]
            soft_weights.append(result.pos_weights * ~hard)
            result.pos_weights = result.pos_weights * hard
        seen = head.bbox_loss(features, results)
        losses |= seen['loss_bbox']
        losses['loss_soft'] = self.soft_loss(seen['cls_score'], results, answers, soft_weights)
        losses['reliable_boxes'], losses['promoted_boxes'] = map(mean_count, (reliable, promoted))
        losses, foreground = split_foreground(losses)
        return scale_losses(losses, self.unsup_weight, self.unsup_loss_weights), foreground

    def reliable(self, labels: PseudoLabels) -> Tensor:
        """Which boxes of an image are taken for true, shape (G,)."""
        limits = self.balancer.thresholds_at(self.reliable_share)
        return self.selector.measure(labels) > limits.to(labels.boxes)[labels.labels]

    @torch.no_grad()
    def answers(
        self, results: list[SamplingResult], samples: SampleList, reliable: list[Tensor]
    ) -> list[InstanceData]:
        """The teacher's scores of each image's RoIs on uncertain boxes, in the weak view.

        Returns:
            ``scores`` (n, M + 1), ``bboxes`` (n, 4) or (n, 4 M), and ``rows`` (n,), their places among the foreground.
        """
        rows = [
            (~mask[result.pos_assigned_gt_inds]).nonzero().squeeze(1)
            for result, mask in zip(results, reliable, strict=True)
        ]
        boxes = [result.pos_priors[chosen] for result, chosen in zip(results, rows, strict=True)]
        return [
            InstanceData(scores=answer.scores, bboxes=answer.bboxes, rows=chosen)
            for answer, chosen in zip(
                self.labeler.rescore(self.labeler.from_views(boxes, samples)), rows, strict=True
            )
        ]

    def promoted(
        self,
        result: SamplingResult,
        strong: DetDataSample,
        weak: DetDataSample,
        labels: PseudoLabels,
        answer: InstanceData,
    ) -> Tensor:
        """Which uncertain boxes of an image the teacher finds again from all of their RoIs, shape (G,)."""
        owners = result.pos_assigned_gt_inds[answer.rows]
        classes = labels.labels[owners]
        boxes = move_boxes(labels.boxes, view_change(strong, weak), weak.img_shape)
        found = at_class(answer.bboxes, classes)
        agreements = torch.stack(
            [
                torch.ones_like(found[:, 0]),
                answer.scores.gather(1, classes[:, None]).squeeze(1),
                bbox_overlaps(found, boxes[owners], is_aligned=True),
            ],
            dim=1,
        )
        sums = found.new_zeros(len(labels), 3).index_add(0, owners, agreements)
        count, score, iou = sums.unbind(dim=1)
        agreed = (score >= self.promoted_score * count) & (iou >= self.promoted_iou * count)
        return agreed & (count > 0)

    def soft_loss(
        self,
        logits: Tensor,
        results: list[SamplingResult],
        answers: list[InstanceData],
        weights: list[Tensor],
    ) -> Tensor:
        """Cross entropy of RoIs on uncertain boxes to the teacher's scores, summed over all RoIs that are sampled.

        Args:
            logits: The student's, of all RoIs of all images, (N, M + 1).
            results: Results of each image.
            answers: As :meth:`answers` gives them.
            weights: Weights of each image's foreground RoIs.
        """
        parts = logits.split([len(result.priors) for result in results])
        asked = torch.cat([part[a.rows] for part, a in zip(parts, answers, strict=True)])
        targets = sharpened(torch.cat([answer.scores for answer in answers]), self.temperature)
        each = F.cross_entropy(asked.float(), targets.float(), reduction='none')
        weight = torch.cat([w[a.rows] for w, a in zip(weights, answers, strict=True)])
        total = len(results) * self.student.roi_head.train_cfg.sampler.num
        return (each * weight).sum() / total


def sharpened(scores: Tensor, temperature: float) -> Tensor:
    """Scores of a softmax over the last dimension, of the same logits divided by a temperature."""
    return (scores.clamp(min=1e-12).log() / temperature).softmax(dim=-1)


def mean_count(masks: list[Tensor]) -> Tensor:
    """Chosen boxes per image, a scalar."""
    return torch.stack([mask.sum() for mask in masks]).float().mean()
