"""Scores given boxes with the RoI head of a two-stage detector. ``N`` boxes of one image, ``M`` classes.

Boxes are ``x1 y1 x2 y2`` in pixels of the input.
"""

from dataclasses import replace
from typing import Any

import torch
from mmcv.ops import batched_nms
from mmdet.structures import DetDataSample, SampleList
from mmdet.utils import ConfigType
from mmengine.structures import InstanceData
from torch import Tensor

from mmssod.models.pseudo.labelers import in_eval_mode
from mmssod.structures import PseudoLabels


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


def revise(
    detector: Any, features: tuple[Tensor, ...], samples: SampleList, pool: list[PseudoLabels]
) -> list[PseudoLabels]:
    """Pooled boxes re-scored by a detector: certainties are averaged, boxes averaged by certainty.

    Args:
        detector: A two-stage detector.
        features: Feature maps of the images.
        samples: Their samples.
        pool: One value per image, in pixels of the input.
    """
    with in_eval_mode(detector):
        opinions = score_boxes(detector, features, samples, pool)
    return [average(found, opinion) for found, opinion in zip(pool, opinions, strict=True)]


def rectify(
    detector: Any, features: tuple[Tensor, ...], samples: SampleList, pool: list[PseudoLabels]
) -> list[PseudoLabels]:
    """Pooled boxes that a detector has revised, duplicates dropped; arguments as :func:`revise`.

    Duplicates go by the detector's own non-maximum suppression, class by class, ranked by the new certainty.
    """
    nms = detector.roi_head.test_cfg['nms']
    revised = revise(detector, features, samples, pool)
    return [without_duplicates(labels, nms) for labels in revised]


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
