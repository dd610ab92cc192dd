"""Semi-DETR (Zhang et al., "Semi-DETR: Semi-Supervised Object Detection With Detection Transformers", CVPR 2023).

``B`` images; ``k`` boxes of one image, ``K`` the most of an image, ``n`` those of all; ``L`` layers of the decoder,
``E`` channels. Boxes ``x1 y1 x2 y2`` in absolute pixels of one view.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox2roi, bbox_cxcywh_to_xyxy, bbox_xyxy_to_cxcywh
from mmengine.dist import all_gather_object
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmssod.environment.errors import InputError
from mmssod.methods.semi_detr.hybrid_head import HybridDINOHead
from mmssod.methods.semi_detr.query_dino import Encoded, QueryDINO
from mmssod.methods.semi_detr.query_teacher import QueryTeacher
from mmssod.models.detectors.losses import Loss, scale_losses, split_foreground
from mmssod.models.detectors.pseudo_label_detector import (
    PseudoLabelDetector,
    mean_boxes,
    view_change,
    with_all_pseudo_labels,
)
from mmssod.models.pseudo import KeepImages
from mmssod.models.pseudo.mixture import fit_two
from mmssod.structures import PseudoLabels, move_boxes


@MODELS.register_module()
class SemiDETRDetector(PseudoLabelDetector):
    """A mean teacher over DINO in two stages; in the first, queries of one object agree between both views.

    First stage (the ``MatchingStageHook`` says how long): labels and pseudo labels are matched one to many, and
    pseudo labels have no denoising loss. Candidates that are cheap to match with the student's predictions are mined
    beside the pseudo labels. Of each such box the teacher's features begin a query of the student in the strong view
    and of the teacher in the weak one, and what becomes of both has to point the same way (``loss_consistency``).
    Second stage: DINO's own losses, and no consistency.

    Law: in the second stage, losses are those of :class:`PseudoLabelDetector` with ``empty_images='background'``.

    Args:
        consistency_weight: Weight of ``loss_consistency``, beside ``unsup_weight``, at least 0.
        strides: Strides of the neck's feature maps, finest first.
        kwargs: As :class:`PseudoLabelDetector`; the detector is a :class:`QueryDINO` with a :class:`HybridDINOHead`,
            the labeler a :class:`QueryTeacher`, ``empty_images`` is ``'background'`` and the mixer keeps images.

    Raises:
        ValueError: ``consistency_weight`` below 0, or other parts.

    Source: order of steps and values are those of the public code, JCZ404/Semi-DETR.
    """

    def __init__(
        self,
        consistency_weight: float = 10.0,
        strides: Sequence[int] = (8, 16, 32, 64),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._require_parts(consistency_weight)
        self.consistency_weight = consistency_weight
        self.roi_extractor = SingleRoIExtractor(
            roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=0),
            out_channels=self.student.embed_dims,
            featmap_strides=list(strides),
        )
        self.projector = projector(self.student.embed_dims)

    def _require_parts(self, consistency_weight: float) -> None:
        head = getattr(self.student, 'bbox_head', None)
        found = {
            "detector.type='QueryDINO'": isinstance(self.student, QueryDINO),
            "detector.bbox_head.type='HybridDINOHead'": isinstance(head, HybridDINOHead),
            "labeler.type='QueryTeacher'": isinstance(self.labeler, QueryTeacher),
            "mixer.type='KeepImages'": isinstance(self.mixer, KeepImages),
            "empty_images='background'": self.empty_images == 'background',
            'joint_features=False': not self.joint_features,
            'consistency_weight >= 0': consistency_weight >= 0,
        }
        if missing := [name for name, there in found.items() if not there]:
            raise InputError(
                f'{type(self).__name__} expects {", ".join(missing)}; got {type(self.student).__name__} with '
                f'{type(head).__name__}, {type(self.labeler).__name__}, {type(self.mixer).__name__}, '
                f'{self.empty_images!r}, joint_features={self.joint_features}, '
                f'consistency_weight={consistency_weight}'
            )

    def unsupervised_loss(
        self, inputs: Tensor, samples: SampleList, targets: list[PseudoLabels]
    ) -> tuple[dict[str, Loss], list[Tensor]]:
        """DINO's losses on pseudo labels, that of consistent queries, and the sums of Eq. 6.

        Args:
            inputs: Strong views, shape (B, 3, H, W).
            samples: Their samples.
            targets: Pseudo labels in pixels of the strong views.
        """
        strong = with_all_pseudo_labels(samples, targets)
        head = self.student.bbox_head
        encoded = self.student.encode(inputs, strong)
        mined = self.mined(encoded, strong) if head.one_to_many else []
        # Each parameter has a gradient in each step, as training on several GPUs wants it.
        consistency = torch.stack([p.sum() for p in self.projector.parameters()]).sum() * 0.0
        if any(map(len, mined)):
            answers, difference = self.agreement(encoded, strong, mined)
            consistency = consistency + difference
        else:
            answers, _ = self.student.decode(encoded, strong)
        self.labeler.forget()
        losses, foreground = split_foreground(head.loss(**answers, batch_data_samples=strong))
        losses['loss_consistency'] = self.consistency_weight * consistency
        off = {name: 0.0 for name in losses if 'dn_loss' in name and head.one_to_many}
        losses = scale_losses(losses, self.unsup_weight, self.unsup_loss_weights | off)
        losses['mined_boxes'] = mean_boxes(mined)
        return losses, foreground

    @torch.no_grad()
    def mined(self, encoded: Encoded, strong: SampleList) -> list[PseudoLabels]:
        """Pseudo labels and candidates that are cheap to match with the student's predictions, in the weak views.

        Args:
            encoded: Encoder outputs of the strong views.
            strong: Their samples.
        """
        head = self.student.bbox_head
        answers, _ = self.student.decode(encoded, strong)
        layers = head(answers['hidden_states'], answers['references'])
        logits, boxes = (part[-1] for part in head.split_outputs(*layers, answers['dn_meta'])[:2])
        candidates, matches = [], []
        for place, labels in enumerate(self.labeler.candidates):
            moved = self.in_strong_view(labels.boxes, strong, place)
            keep = (moved[:, 2:] > moved[:, :2]).all(dim=1)
            candidates.append(labels.select(keep))
            truth = InstanceData(bboxes=moved[keep], labels=labels.labels[keep])
            size = moved.new_tensor(strong[place].img_shape[::-1]).repeat(2)
            found = bbox_cxcywh_to_xyxy(boxes[place]) * size
            predicted = InstanceData(bboxes=found, scores=logits[place])
            matches.append(head.assigner.costs(predicted, truth, strong[place].metainfo))
        costs = [part for of_one in all_gather_object([c for c, _ in matches]) for part in of_one]
        limit = cost_limit(torch.cat(costs))
        thresholds = self.balancer.thresholds()
        mined = []
        for labels, (cost, which) in zip(candidates, matches, strict=True):
            keep = self.selector.measure(labels) > thresholds.to(labels.boxes)[labels.labels]
            keep[which[cost <= limit].to(keep.device)] = True
            mined.append(labels.select(keep))
        return mined

    def agreement(
        self, encoded: Encoded, strong: SampleList, mined: list[PseudoLabels]
    ) -> tuple[dict[str, Any], Tensor]:
        """The student's answers on the strong views, and how far its and the teacher's queries of boxes differ.

        Args:
            encoded: Encoder outputs of the strong views.
            strong: Their samples.
            mined: In the weak views, at least one in all.
        """
        teacher = self.labeler
        counts = torch.tensor([len(labels) for labels in mined])
        places = (torch.arange(int(counts.max())) < counts[:, None]).to(mined[0].boxes.device)
        weak_boxes = [labels.boxes for labels in mined]
        strong_boxes = [self.in_strong_view(b, strong, place) for place, b in enumerate(weak_boxes)]
        rois = self.roi_extractor(teacher.encoded.features, bbox2roi(weak_boxes))
        content = rois.new_zeros(*places.shape, self.student.embed_dims)
        # Twice, since batch norm refuses a single box; its mean and variance are the same.
        content[places] = self.projector(torch.cat([rois, rois]))[: len(rois)].to(content)
        answers, ours = self.student.decode(
            encoded, strong, content, at_places(strong_boxes, strong, places)
        )
        with torch.no_grad():
            _, theirs = teacher.teacher.decode(
                teacher.encoded,
                teacher.samples,
                content,
                at_places(weak_boxes, teacher.samples, places),
            )
        return answers, query_difference(ours[:, places], theirs[:, places])

    def in_strong_view(self, boxes: Tensor, strong: SampleList, place: int) -> Tensor:
        """Boxes of the weak view of the image at a place of the batch, (k, 4), where the strong view has them."""
        view = strong[place]
        return move_boxes(boxes, view_change(self.labeler.samples[place], view), view.img_shape)


def projector(channels: int) -> nn.Sequential:
    """What makes a query of a box's features: (n, E, 7, 7) to (n, E). Layers of the source's public code."""
    convs = [
        ConvModule(channels, channels, 3, padding=1, bias=False, norm_cfg=dict(type='BN'))
        for _ in range(2)
    ]
    hidden = 4 * channels
    return nn.Sequential(
        *convs,
        nn.Flatten(),
        nn.Linear(channels * 7 * 7, hidden),
        nn.BatchNorm1d(hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, channels),
        nn.ReLU(inplace=True),
    )


def at_places(boxes: Sequence[Tensor], samples: SampleList, places: Tensor) -> Tensor:
    """Boxes of each image as ``cx cy w h`` in [0, 1] at places (B, K) that are True; the whole image at the others."""
    parts = [
        bbox_xyxy_to_cxcywh(part) / part.new_tensor(sample.img_shape[::-1]).repeat(2)
        for part, sample in zip(boxes, samples, strict=True)
    ]
    placed = parts[0].new_tensor([0.5, 0.5, 1.0, 1.0]).repeat(*places.shape, 1)
    placed[places] = torch.cat(parts)
    return placed


def cost_limit(costs: Tensor) -> Tensor:
    """The cost up to which candidates are mined: where a mixture of two Gaussians is densest among the cheap ones.

    Args:
        costs: Costs of matched candidates, shape (n,); those in the cheaper component are cheap. For a single cost the
            limit is this cost, for none -inf.
    """
    if len(costs) < 2:
        return costs.new_full((), -torch.inf) if not len(costs) else costs[0]
    values = costs[None].double()
    mixture = fit_two(values, torch.ones_like(values, dtype=torch.bool))
    joint = mixture.log_joint(values)[0]
    cheap = joint[:, 0] >= joint[:, 1]
    density = joint.logsumexp(dim=1)
    return costs[
        density.masked_fill(~cheap, -torch.inf).argmax() if cheap.any() else density.argmax()
    ]


def query_difference(ours: Tensor, theirs: Tensor) -> Tensor:
    """Mean square of the difference of unit vectors, summed over layers; (L, n, E) both, gradients to the first.

    Equal queries, and those of one direction, differ by 0; opposite ones by ``4 / E`` a layer.
    """
    ours, theirs = (F.normalize(part.float(), dim=-1) for part in (ours, theirs.detach()))
    return (ours - theirs).square().mean(dim=(1, 2)).sum()
