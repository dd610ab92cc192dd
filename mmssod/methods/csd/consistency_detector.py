"""CSD (Jeong et al., "Consistency-based Semi-supervised Learning for Object Detection", NeurIPS 2019), two-stage.

``B`` images of a branch, ``N`` RoIs of all of them, ``M`` classes; boxes ``x1 y1 x2 y2`` in absolute pixels.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.roi_heads.bbox_heads import BBoxHead
from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox2roi
from mmdet.utils import ConfigType, InstanceList, OptConfigType
from torch import Tensor

from mmssod.methods.csd.consistency import (
    bucket_consistency,
    class_consistency,
    delta_consistency,
    foreground_mask,
    masked_mean,
)
from mmssod.models.buckets import BucketHead
from mmssod.models.detectors.losses import Loss, prefix_losses, split_foreground
from mmssod.models.detectors.student_detector import StudentDetector
from mmssod.models.detectors.two_stage import require_two_stages, rpn_loss, sample_rois


class Answers(NamedTuple):
    """Outputs of the second stage for RoIs and for their mirror images, in the same order."""

    scores: Tensor  # class probabilities, shape (N, M + 1)
    mirrored_scores: Tensor
    boxes: Tensor  # as the box head gives them, first dimension N
    mirrored_boxes: Tensor


@MODELS.register_module()
class ConsistencyDetector(StudentDetector):
    """Trains a detector to predict the same for an image and its mirror image; there are no pseudo labels.

    Both passes are the student's own, and both learn. The RPN runs on the image, its proposals are mirrored for the
    mirror image. All images take part, labeled or not; annotations of unlabeled ones are never looked at.

    Args:
        detector: Config of the student: a two-stage detector with box deltas or buckets.
        num_rois: Best proposals of each image that are compared, at least 1.
        consistency_weight: Weight of both consistency losses, times :attr:`ramp`.
        data_preprocessor: By default a :class:`BranchDataPreprocessor` around the student's own.
        init_cfg: As in mmengine.

    Attributes:
        ramp: Share of ``consistency_weight`` in force, set by the ``ConsistencyRampHook``; at 0 nothing is compared.

    Raises:
        TypeError: For a detector without RPN and RoI head, or a head whose boxes have no mirror here.
    """

    def __init__(
        self,
        detector: ConfigType,
        num_rois: int = 256,
        consistency_weight: float = 1.0,
        data_preprocessor: OptConfigType = None,
        init_cfg: OptConfigType = None,
    ) -> None:
        super().__init__(detector, data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        require_two_stages(self.student, (StandardRoIHead,), type(self).__name__)
        require_mirror(self.student.roi_head.bbox_head)
        self.num_rois = num_rois
        self.consistency_weight = consistency_weight
        self.ramp = 1.0

    # ---------------------------------------------------------------- training

    def loss(
        self,
        batch_inputs: Mapping[str, Tensor],
        batch_data_samples: Mapping[str, SampleList],
    ) -> dict[str, Loss]:
        """One step; nothing given is changed.

        Args:
            batch_inputs: Images of the branches ``labeled`` and ``weak``, shape (B, 3, H, W).
            batch_data_samples: Their samples; those of ``weak`` need no annotation.

        Returns:
            The student's losses on labeled images as ``sup_*``, and unless :attr:`ramp` is 0 ``consistency_loss_cls``,
            ``consistency_loss_bbox`` and ``consistency_foreground``, the share of RoIs that were compared.
        """
        inputs, samples = batch_inputs['labeled'], batch_data_samples['labeled']
        features = self.student.extract_feat(inputs)
        losses, proposals = self.supervised_loss(features, samples)
        if self.ramp == 0:
            return losses
        answers = [self.answers(inputs, features, proposals)]
        inputs = batch_inputs['weak']
        features = self.student.extract_feat(inputs)
        proposals = self.proposals(features, batch_data_samples['weak'])
        answers.append(self.answers(inputs, features, proposals))
        losses.update(self.consistency_loss(answers))
        return losses

    def supervised_loss(
        self, features: tuple[Tensor, ...], samples: SampleList
    ) -> tuple[dict[str, Loss], InstanceList]:
        """The student's losses on labeled images as ``sup_*``, and the proposals that they were learned from."""
        head = self.student.roi_head
        losses, proposals = rpn_loss(self.student, features, samples)
        results = sample_rois(head, features, proposals, samples)
        losses |= head.bbox_loss(features, results)['loss_bbox']
        return prefix_losses('sup_', split_foreground(losses)[0]), proposals

    @torch.no_grad()
    def proposals(self, features: tuple[Tensor, ...], samples: SampleList) -> InstanceList:
        """The RPN's proposals in training for images without annotations."""
        rpn, student = self.student.rpn_head, self.student
        metas = [sample.metainfo for sample in samples]
        cfg = student.train_cfg.get('rpn_proposal', student.test_cfg.rpn)
        return rpn.predict_by_feat(*rpn(features), batch_img_metas=metas, cfg=cfg)

    def answers(
        self, inputs: Tensor, features: tuple[Tensor, ...], proposals: InstanceList
    ) -> Answers:
        """Outputs of the second stage for the best proposals, and for their mirrors in the mirror images.

        Args:
            inputs: Images, shape (B, 3, H, W).
            features: The student's feature maps of them.
            proposals: Proposals of each image, best first.
        """
        boxes = [proposal.bboxes[: self.num_rois].detach() for proposal in proposals]
        mirror_features = self.student.extract_feat(inputs.flip(-1))
        mirror_boxes = [mirror(value, inputs.size(-1)) for value in boxes]
        head = self.student.roi_head
        straight = head._bbox_forward(features, bbox2roi(boxes))
        mirrored = head._bbox_forward(mirror_features, bbox2roi(mirror_boxes))
        return Answers(
            *(result['cls_score'].float().softmax(dim=-1) for result in (straight, mirrored)),
            *(result['bbox_pred'].float() for result in (straight, mirrored)),
        )

    def consistency_loss(self, answers: Sequence[Answers]) -> dict[str, Tensor]:
        """Both losses, each a mean over the RoIs of all branches that the image calls foreground."""
        scores, other_scores, boxes, other_boxes = map(torch.cat, zip(*answers, strict=True))
        mask = foreground_mask(scores)
        classes = class_consistency(scores, other_scores)
        places = box_consistency(self.student.roi_head.bbox_head, scores, boxes, other_boxes)
        factor = self.consistency_weight * self.ramp
        return dict(
            consistency_loss_cls=masked_mean(classes, mask) * factor,
            consistency_loss_bbox=masked_mean(places, mask) * factor,
            consistency_foreground=mask.sum() / max(len(mask), 1),
        )

    # ---------------------------------------------------------------- checkpoints

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        """A plain detector's checkpoint starts the student."""
        ours = [key for key in state_dict if key.startswith(prefix)]
        if not any(key.startswith(prefix + 'student.') for key in ours):
            for key in ours:
                state_dict[prefix + 'student.' + key[len(prefix) :]] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args)


def mirror(boxes: Tensor, width: int) -> Tensor:
    """Boxes (n, 4) in the mirror image of a padded image of this width, in pixels."""
    left, top, right, bottom = boxes.unbind(dim=-1)
    return torch.stack([width - right, top, width - left, bottom], dim=-1)


def require_mirror(bbox_head: BBoxHead) -> None:
    """Check that we know what a box head must answer in the mirror.

    Raises:
        TypeError: Neither buckets of ours nor mmdet's box deltas.
    """
    coder = bbox_head.bbox_coder if isinstance(bbox_head, BBoxHead) else None
    if not isinstance(bbox_head, BucketHead) and not isinstance(coder, DeltaXYWHBBoxCoder):
        raise TypeError(
            'ConsistencyDetector compares box deltas (DeltaXYWHBBoxCoder) or buckets (FCBucketHead, '
            f'SideAwareBucketHead) of mirror images, got {type(bbox_head).__name__} with '
            f'{type(coder).__name__}; change model.detector.roi_head.bbox_head'
        )


def box_consistency(bbox_head: BBoxHead, scores: Tensor, boxes: Tensor, mirrored: Tensor) -> Tensor:
    """How far the places that a head answers in image and mirror differ, shape (N,).

    Heads that refine boxes by class are asked at the best class of ``scores``, shape (N, M + 1).
    """
    if isinstance(bbox_head, BucketHead):
        return bucket_consistency(boxes, mirrored)
    if not bbox_head.reg_class_agnostic:
        rows, labels = torch.arange(len(scores), device=scores.device), scores[:, :-1].argmax(dim=1)
        boxes, mirrored = (v.view(len(v), -1, 4)[rows, labels] for v in (boxes, mirrored))
    return delta_consistency(boxes, mirrored)
