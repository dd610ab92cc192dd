"""Two networks that label for each other (Instant-Teaching's co-rectify). ``B`` images, ``N`` boxes of one image."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from mmcv.ops import batched_nms
from mmdet.models.detectors import TwoStageDetector
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, SampleList
from mmdet.utils import ConfigType, OptConfigType
from mmengine.structures import InstanceData
from torch import Tensor

from mmssod.structures import PseudoLabels

from ..pseudo import GivenLabels
from ..pseudo.labelers import in_eval_mode
from .losses import Loss, prefix_losses
from .pseudo_label_detector import PseudoLabelDetector


@MODELS.register_module()
class CoRectifyDetector(PseudoLabelDetector):
    """A :class:`PseudoLabelDetector` with a second one beside it; each learns from labels that the other rectified.

    On the weak views both networks predict, and the boxes of both are pooled. Each network's RoI head scores all of
    them anew (:func:`rectify`); what the second makes of the pool labels the first one's images, and the reverse. From
    there on each takes its own step: selection, mixing and losses, the second's under ``second_*``.

    This detector is the first network: it answers at test time, and what hooks show is its own. ``second`` is another
    :class:`PseudoLabelDetector` with the same slots; its class balancer starts from the same box counts and counts for
    itself. Gradients are clipped together.

    **What starts what.** The networks differ by their random initialization: nothing is to be loaded into both. A
    plain detector's checkpoint, or one of a teacher and student, starts the first alone; the second keeps its
    initialization, or the ``init_cfg`` of ``second_detector``. A ``Pretrained`` ``init_cfg`` of the whole ``detector``
    would make them equal, which is one network at twice the cost. A checkpoint of this detector restores both.

    Args:
        detector: Config of the first network, a two-stage detector.
        labeler: ``dict(type='GivenLabels')``, since the labels are made here.
        second_detector: Config of the second network; the first's where none is written.
        kwargs: As :class:`PseudoLabelDetector`, for both; an unknown name is an error there.

    Raises:
        TypeError: If a network is not a two-stage detector.
        ValueError: If the labeler is another, or the networks tell different classes apart.

    Source: Zhou et al., "Instant-Teaching", CVPR 2021.
    """

    def __init__(
        self,
        detector: ConfigType,
        labeler: ConfigType,
        second_detector: OptConfigType = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(detector=detector, labeler=labeler, **kwargs)
        if not isinstance(self.labeler, GivenLabels):
            raise ValueError(
                'CoRectifyDetector makes the labels of both networks itself: expected '
                f"labeler=dict(_delete_=True, type='GivenLabels'), got {type(self.labeler).__name__}"
            )
        self.second = PseudoLabelDetector(
            detector=second_detector or detector, labeler=labeler, **kwargs
        )
        for network in self.networks:
            if not isinstance(network, TwoStageDetector):
                raise TypeError(
                    'co-rectify scores boxes with an RoI head: expected a two-stage detector such as FasterRCNN, got '
                    f'{type(network).__name__}; the method without it is PseudoLabelDetector with a SelfLabeler'
                )
        classes = [part.balancer.num_classes for part in (self, self.second)]
        if classes[0] != classes[1]:
            raise ValueError(
                f'both networks need the same classes, got {classes[0]} and {classes[1]}: compare num_classes of '
                'detector and second_detector'
            )

    @property
    def networks(self) -> tuple[Any, Any]:
        """The first and the second detector."""
        return self.student, self.second.student

    def loss(
        self,
        batch_inputs: Mapping[str, Tensor],
        batch_data_samples: Mapping[str, SampleList],
    ) -> dict[str, Loss]:
        """One step of each network; arguments and losses as :class:`PseudoLabelDetector`, the second's ``second_*``."""
        if self.balancer.initialized and not self.second.balancer.initialized:
            self.second.balancer.load_state_dict(self.balancer.state_dict())
        self.second.unsupervised = self.unsupervised
        ours = theirs = batch_data_samples
        if self.unsupervised:
            weak = batch_data_samples['weak']
            answers = self.exchange(batch_inputs['weak'], weak)
            ours, theirs = (
                {**batch_data_samples, 'weak': with_predictions(weak, labels)} for labels in answers
            )
        losses = super().loss(batch_inputs, ours)
        return {**losses, **prefix_losses('second_', self.second.loss(batch_inputs, theirs))}

    @torch.no_grad()
    def exchange(
        self, inputs: Tensor, samples: SampleList
    ) -> tuple[list[PseudoLabels], list[PseudoLabels]]:
        """Candidates for the first network, which the second rectified, and the reverse; one value an image.

        Args:
            inputs: Weak views, shape (B, 3, H, W).
            samples: Their samples.
        """
        features, found = zip(*(detect(net, inputs, samples) for net in self.networks), strict=True)
        pool = [PseudoLabels.cat(both) for both in zip(*found, strict=True)]
        first, second = (
            rectify(net, levels, samples, pool)
            for net, levels in zip(self.networks, features, strict=True)
        )
        return second, first


def detect(
    detector: Any, inputs: Tensor, samples: SampleList
) -> tuple[tuple[Tensor, ...], list[PseudoLabels]]:
    """Feature maps of a two-stage detector in eval mode, and its predictions in pixels of the input."""
    blank = [DetDataSample(metainfo=sample.metainfo) for sample in samples]
    with in_eval_mode(detector):
        features = detector.extract_feat(inputs)
        proposals = detector.rpn_head.predict(features, blank, rescale=False)
        results = detector.roi_head.predict(features, proposals, blank, rescale=False)
    return features, [PseudoLabels.from_predictions(result) for result in results]


def rectify(
    detector: Any, features: tuple[Tensor, ...], samples: SampleList, pool: list[PseudoLabels]
) -> list[PseudoLabels]:
    """Pooled boxes after a second opinion: certainties are averaged, boxes averaged by certainty, duplicates dropped.

    Duplicates go by the detector's own non-maximum suppression, class by class, ranked by the new certainty.

    Args:
        detector: A two-stage detector.
        features: Its feature maps of the images.
        samples: Their samples.
        pool: One value an image, in pixels of the input.
    """
    with in_eval_mode(detector):
        opinions = score_boxes(detector, features, samples, pool)
    nms = detector.roi_head.test_cfg['nms']
    return [
        without_duplicates(average(found, opinion), nms)
        for found, opinion in zip(pool, opinions, strict=True)
    ]


def score_boxes(
    detector: Any, features: tuple[Tensor, ...], samples: SampleList, pool: list[PseudoLabels]
) -> list[PseudoLabels]:
    """What a detector's RoI head makes of boxes as proposals: box, p and v at the class that each has already."""
    if not any(map(len, pool)):
        return pool
    proposals = [InstanceData(bboxes=labels.boxes) for labels in pool]
    metas = [sample.metainfo for sample in samples]
    results = detector.roi_head.predict_bbox(features, metas, proposals, rcnn_test_cfg=None)
    return [at_class(labels, result) for labels, result in zip(pool, results, strict=True)]


def at_class(labels: PseudoLabels, result: InstanceData) -> PseudoLabels:
    """The entries of raw RoI predictions at each box's class.

    Args:
        labels: ``N`` boxes; only classes and weights are used.
        result: ``scores`` (N, M + 1), ``bboxes`` (N, 4) or (N, 4 M) and, of bucket heads, ``loc_certainty`` (N,).
    """
    if not len(labels):
        return labels
    rows = torch.arange(len(labels), device=labels.labels.device)
    boxes = result.bboxes.view(len(labels), -1, 4)
    column = labels.labels if boxes.shape[1] > 1 else torch.zeros_like(labels.labels)
    certainty = result.scores[rows, labels.labels]
    return replace(
        labels,
        boxes=boxes[rows, column],
        cls_certainty=certainty,
        loc_certainty=result.get('loc_certainty', torch.ones_like(certainty)),
    )


def average(first: PseudoLabels, second: PseudoLabels) -> PseudoLabels:
    """Two opinions on the same ``N`` boxes: p and v are means, boxes means weighted by ``p * v``."""
    weights = torch.stack([first.certainty, second.certainty]).clamp(min=1e-9)
    shares = (weights / weights.sum(dim=0))[..., None]
    return replace(
        first,
        boxes=(torch.stack([first.boxes, second.boxes]) * shares).sum(dim=0),
        cls_certainty=(first.cls_certainty + second.cls_certainty) / 2,
        loc_certainty=(first.loc_certainty + second.loc_certainty) / 2,
    )


def without_duplicates(labels: PseudoLabels, nms: ConfigType) -> PseudoLabels:
    """Non-maximum suppression by class, the most certain box first."""
    if not len(labels):
        return labels
    return labels.select(batched_nms(labels.boxes, labels.certainty, labels.labels, dict(nms))[1])


def with_predictions(samples: SampleList, labels: list[PseudoLabels]) -> SampleList:
    """Samples like the given ones with labels as their ``pred_instances``."""
    filled = []
    for sample, found in zip(samples, labels, strict=True):
        filled.append(DetDataSample(metainfo=sample.metainfo))
        filled[-1].pred_instances = found.to_predictions()
    return filled
