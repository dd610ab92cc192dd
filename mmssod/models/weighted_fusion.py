"""Weighted Boxes Fusion by the library ``ensemble-boxes``. ``n`` boxes of one detector."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import torch
from mmengine.structures import InstanceData


def weighted_fusion(
    answers: Sequence[InstanceData],
    weights: Sequence[float],
    iou_threshold: float,
    conf_type: str = 'avg',
) -> InstanceData:
    """One answer from several to one image: boxes, scores and labels, best score first.

    Args:
        answers: ``bboxes`` (n, 4), ``scores`` and ``labels`` (n,) of each.
        weights: How much each answer counts, above 0.
        iou_threshold: Minimum IoU of boxes that mean one object, in [0, 1].
        conf_type: The library's word for the score of a fused box: ``'avg'``, the weighted mean over answers, so what
            few have found counts less; ``'max'``, the greatest, weights being divided by the greatest.

    Raises:
        ImportError: Without the library.

    Source: Solovyev, Wang and Gabruseva, "Weighted boxes fusion: Ensembling boxes from different object detection
    models", 2021.
    """
    like = answers[0].bboxes
    # The library wants boxes in [0, 1]; one factor for both axes changes no overlap.
    scale = max([1.0, *(float(answer.bboxes.max()) for answer in answers if len(answer))])
    boxes, scores, labels = weighted_boxes_fusion()(
        [(answer.bboxes.double() / scale).tolist() for answer in answers],
        [answer.scores.tolist() for answer in answers],
        [answer.labels.tolist() for answer in answers],
        weights=[float(weight) for weight in weights],
        iou_thr=iou_threshold,
        conf_type=conf_type,
    )
    return InstanceData(
        bboxes=like.new_tensor(boxes * scale).reshape(-1, 4),
        scores=like.new_tensor(scores),
        labels=torch.as_tensor(labels, dtype=torch.long, device=like.device),
    )


def weighted_boxes_fusion() -> Callable[..., Any]:
    """The library's function.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        found: Callable[..., Any] = import_module('ensemble_boxes').weighted_boxes_fusion
    except ImportError as error:
        raise ImportError(
            'Weighted Boxes Fusion needs the library ensemble-boxes, which is not installed: '
            "pip install 'mmssod[wbf]', or pip install ensemble-boxes"
        ) from error
    return found
