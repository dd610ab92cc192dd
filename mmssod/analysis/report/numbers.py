"""Numbers of the report: AP of each detector, and the contents of its pseudo labels.

``N`` boxes, ``M`` classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmssod.analysis.box_precision import match
from mmssod.analysis.plotting import percent
from mmssod.evaluation import DetectorOutputs, evaluate_boxes, quality
from mmssod.evaluation.coco import IOU_THRESHOLDS, box_counts, category_ids, rarest
from mmssod.evaluation.detections import certainties
from mmssod.evaluation.pseudo_quality import certainty

BINS = 40
STEPS = tuple(round(0.05 * step, 2) for step in range(1, 20))


@dataclass(frozen=True)
class Score:
    """AP of one detector, in percent; None where it is undefined.

    Args:
        label: The detector's.
        mean, at50, at75, rare: AP over IoU 0.50 to 0.95, at 0.50, at 0.75, and of the rare classes.
        classes: AP of each class.
        ious: AP at each IoU threshold.
    """

    label: str
    mean: float | None
    at50: float | None
    at75: float | None
    rare: float | None
    classes: tuple[float | None, ...]
    ious: tuple[tuple[float, float | None], ...]


def score(outputs: DetectorOutputs, label: str, rare: Sequence[int]) -> Score:
    """Judge one detector; ``rare`` has the indices of the rare classes."""
    result = evaluate_boxes(outputs.annotations, outputs.found[label], outputs.class_ids)
    ious = zip(IOU_THRESHOLDS, result.per_iou, strict=True)
    return Score(
        label=label,
        mean=percent(result.ap()),
        at50=percent(result.ap(iou=0.5)),
        at75=percent(result.ap(iou=0.75)),
        rare=percent(result.ap(classes=list(rare))) if rare else None,
        classes=tuple(percent(value) for value in result.per_class),
        ious=tuple((round(float(iou), 2), percent(value)) for iou, value in ious),
    )


def rare_classes(
    labeled: dict | None, classes: Sequence[str]
) -> tuple[list[int], list[int] | None]:
    """Indices of the rarer third of the classes, and the labeled boxes of all; (), None without a labeled set."""
    if labeled is None:
        return [], None
    counts = box_counts(labeled, category_ids(labeled, classes))
    return rarest(counts, len(classes) // 3), counts


@dataclass(frozen=True)
class Labels:
    """Pseudo labels of one detector on some unlabeled images.

    Args:
        label: The detector's.
        images: How many were looked at.
        certainty: What thresholds are compared with, such as ``p*v``.
        thresholds: Threshold of each class (M).
        kept: Boxes above their threshold, of each class (M).
        histograms: By certainty, counts of rejected and kept boxes in ``BINS`` bins of [0, 1].
        curve: Threshold, precision and recall at IoU 0.5, one threshold for all classes; empty without true boxes.
        precision, recall: Of each class at its threshold (M); None without true boxes.
        withheld: True boxes of each class (M); None without.
    """

    label: str
    images: int
    certainty: str
    thresholds: tuple[float, ...]
    kept: tuple[int, ...]
    histograms: dict[str, tuple[list[int], list[int]]]
    curve: tuple[tuple[float, float | None, float | None], ...] = ()
    precision: tuple[float | None, ...] | None = None
    recall: tuple[float | None, ...] | None = None
    withheld: tuple[int, ...] | None = None


def pseudo_labels(
    outputs: DetectorOutputs, label: str, name: str, thresholds: Sequence[float], true: bool
) -> Labels:
    """Count and, where true boxes are known, judge.

    Args:
        outputs: What was found on unlabeled images; its annotations are the withheld boxes, if ``true``.
        label: Which detector.
        name: Which certainty is compared with the thresholds.
        thresholds: Threshold of each class (M).
        true: Whether ``outputs`` has true boxes.
    """
    boxes = outputs.found[label]
    place = {class_id: index for index, class_id in enumerate(outputs.class_ids)}
    classes = np.array([place[box['category_id']] for box in boxes], dtype=int)
    p, v = certainties(boxes)
    keep = certainty(p, v, name) > np.asarray(thresholds)[classes]
    histograms = {
        key: (_bins(values[~keep]), _bins(values[keep])) for key, values in dict(p=p, v=v).items()
    }
    if name not in histograms:
        histograms[name] = (_bins(certainty(p, v, name)[~keep]), _bins(certainty(p, v, name)[keep]))
    found: dict[str, Any] = _judge(outputs, label, name, thresholds) if true else {}
    return Labels(
        label=label,
        images=len(outputs.annotations['images']),
        certainty=name,
        thresholds=tuple(float(t) for t in thresholds),
        kept=tuple(int(n) for n in np.bincount(classes[keep], minlength=len(outputs.classes))),
        histograms=histograms,
        **found,
    )


def _judge(
    outputs: DetectorOutputs, label: str, name: str, thresholds: Sequence[float]
) -> dict[str, Any]:
    matches = match(outputs, label)
    values = matches.certainty(name)
    curve = []
    for step in STEPS:
        at = quality(matches, values > step)
        curve.append((step, percent(at['precision']), percent(at['recall'])))
    taken = (values > np.asarray(thresholds)[matches.labels]) & ~matches.ignored
    right = matches.right(taken, 0.5)
    true = np.bincount(matches.true_labels, minlength=len(outputs.classes))
    precision, recall = [], []
    for index, total in enumerate(true):
        mine = matches.labels == index
        number, good = int((taken & mine).sum()), int((right & mine).sum())
        precision.append(percent(good / number) if number else None)
        recall.append(percent(good / total) if total else None)
    return dict(
        curve=tuple(curve),
        precision=tuple(precision),
        recall=tuple(recall),
        withheld=tuple(int(number) for number in true),
    )


def _bins(values: np.ndarray) -> list[int]:
    return [int(n) for n in np.histogram(values, bins=BINS, range=(0, 1))[0]]
