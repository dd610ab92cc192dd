"""Combines several detectors into one, for labeling and testing. ``n`` boxes per image."""

from collections.abc import Sequence
from typing import Any

import torch
from mmcv.ops import batched_nms
from mmdet.models.detectors import BaseDetector
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, SampleList
from mmdet.structures.bbox import bbox_overlaps
from mmdet.utils import ConfigType, OptConfigType
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmssod.environment.errors import InputError

from ..build_detector import build_detector


@MODELS.register_module()
class EnsembleDetector(BaseDetector):
    """Predictions of all members, fused (Table 3: two teachers, two students).

    It does not learn: members are trained on their own, ``tools/merge_checkpoints.py`` makes one checkpoint of theirs.

    Args:
        members: Configs of the detectors, at least one; all of the same classes.
        iou_threshold: Boxes of one class that overlap by more are one object, in [0, 1].
        max_per_img: Boxes an image that are kept, at least 1.
        data_preprocessor: As in mmdet; that of the members is not used.
        init_cfg: As in mmengine.

    Raises:
        ValueError: Without a member.
    """

    def __init__(
        self,
        members: Sequence[ConfigType],
        iou_threshold: float = 0.5,
        max_per_img: int = 100,
        data_preprocessor: OptConfigType = None,
        init_cfg: OptConfigType = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        if not members:
            raise InputError('an ensemble needs at least one detector in `members`, got none')
        self.members = nn.ModuleList(build_detector(member) for member in members)
        self.iou_threshold = iou_threshold
        self.max_per_img = max_per_img

    @property
    def detectors(self) -> list[Any]:
        """The members, in order."""
        return list(self.members)

    def predict(
        self, batch_inputs: Tensor, batch_data_samples: SampleList, rescale: bool = True
    ) -> SampleList:
        """Fused predictions, stored in the given samples as mmdet's detectors do.

        Args:
            batch_inputs: Images, shape (B, 3, H, W).
            batch_data_samples: Their samples.
            rescale: Boxes in pixels of the original images.
        """
        answers = []
        for member in self.detectors:
            blank = [DetDataSample(metainfo=sample.metainfo) for sample in batch_data_samples]
            results = member.predict(batch_inputs, blank, rescale=rescale)
            answers.append([result.pred_instances for result in results])
        fused = [self.fuse(image)[: self.max_per_img] for image in zip(*answers, strict=True)]
        return self.add_pred_to_datasample(batch_data_samples, fused)

    def fuse(self, answers: Sequence[InstanceData]) -> InstanceData:
        """One answer from the members' to one image, best score first."""
        return fuse(answers, self.iou_threshold)

    def loss(self, batch_inputs: Tensor, batch_data_samples: SampleList) -> dict:
        """Not there.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            'an ensemble does not learn: train its members and merge their checkpoints with '
            'tools/merge_checkpoints.py'
        )

    def _forward(self, batch_inputs: Tensor, batch_data_samples: SampleList | None = None) -> Any:
        return tuple(member._forward(batch_inputs, batch_data_samples) for member in self.detectors)

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Any, ...]:
        """Feature maps of each member."""
        return tuple(member.extract_feat(batch_inputs) for member in self.detectors)


def fuse(answers: Sequence[InstanceData], iou_threshold: float) -> InstanceData:
    """One answer from those of several detectors to one image.

    The best box of an object comes first (non-maximum suppression over all). Each member's best box of the same class
    that overlaps it takes part: the fused box is the mean of these, weighted by score; score and class certainty are
    means over all members, 0 for one that found nothing; localization certainty is the mean over those that did.

    Args:
        answers: ``bboxes`` (n, 4), ``scores`` (n,), ``labels`` (n,) and, where the heads know them, ``cls_certainty``
            and ``loc_certainty`` (n,) of each member.
        iou_threshold: Minimum IoU of boxes that mean one object.

    Returns:
        The same fields, best score first.
    """
    answers = comparable(answers)
    pooled = InstanceData.cat(answers)
    if not len(pooled):
        return pooled
    nms = dict(type='nms', iou_threshold=iou_threshold)
    kept = pooled[batched_nms(pooled.bboxes, pooled.scores, pooled.labels, nms)[1]]
    found = [match(kept, answer, iou_threshold) for answer in answers if len(answer)]
    hits = torch.stack([hit for hit, _ in found]).to(kept.scores)  # (members, n)
    scores = torch.stack([best.scores for _, best in found]) * hits
    shares = scores / scores.sum(dim=0)
    boxes = torch.stack([best.bboxes for _, best in found])
    fused = InstanceData(
        bboxes=(boxes * shares[..., None]).sum(dim=0),
        scores=scores.sum(dim=0) / len(answers),
        labels=kept.labels,
    )
    if 'cls_certainty' in kept:
        p = torch.stack([best.cls_certainty for _, best in found]) * hits
        v = torch.stack([best.loc_certainty for _, best in found]) * hits
        fused.cls_certainty = p.sum(dim=0) / len(answers)
        fused.loc_certainty = v.sum(dim=0) / hits.sum(dim=0)
    return fused[fused.scores.argsort(descending=True)]


def comparable(answers: Sequence[InstanceData]) -> list[InstanceData]:
    """The same fields in all answers, and no box without area.

    Where one member knows its certainties, another's p is its score and its v is 1.
    """
    certain = any('cls_certainty' in answer for answer in answers)
    found = []
    for answer in answers:
        fields = InstanceData(bboxes=answer.bboxes, scores=answer.scores, labels=answer.labels)
        if certain:
            fields.cls_certainty = answer.get('cls_certainty', answer.scores)
            fields.loc_certainty = answer.get('loc_certainty', torch.ones_like(answer.scores))
        sizes = answer.bboxes[:, 2:] - answer.bboxes[:, :2]
        found.append(fields[(sizes > 0).all(dim=1)])
    return found


def match(
    kept: InstanceData, answer: InstanceData, iou_threshold: float
) -> tuple[Tensor, InstanceData]:
    """For each kept box: whether a member found it, shape (n,), and the member's box that overlaps it most."""
    overlaps = bbox_overlaps(kept.bboxes, answer.bboxes)
    overlaps = overlaps.masked_fill(kept.labels[:, None] != answer.labels[None], -1.0)
    best, index = overlaps.max(dim=1)
    return best >= iou_threshold, answer[index]
