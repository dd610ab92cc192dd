"""Analyses a detector's errors: kinds of errors, precision and recall per class, object sizes, confusions.

``M`` classes. IoU 0.5 but for AP by size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmssod.analysis.image_matches import ClassMatches, match_images
from mmssod.analysis.plotting import percent
from mmssod.datasets.annotation_files import whole_annotations
from mmssod.evaluation import DetectorOutputs, evaluate_boxes

AREAS = {
    'small': 'below 32 x 32 px',
    'medium': '32 x 32 to 96 x 96 px',
    'large': 'above 96 x 96 px',
}
ERRORS = {
    'Miss': ('missed', 'a true box that no detection found, nor would with another class or place'),
    'Bkg': ('background', 'a detection where nothing is: IoU below 0.1 with every true box'),
    'Loc': ('misplaced', 'the right class, but IoU only 0.1 to 0.5'),
    'Cls': ('confused', 'the right place (IoU 0.5 or more), but another class'),
    'Both': ('misplaced and confused', 'another class, and IoU only 0.1 to 0.5'),
    'Dupe': ('duplicate', 'a second detection of a true box that a more certain one found'),
}
"""TIDE's kinds of errors: what we call them, and what they are (Bolya et al., ECCV 2020)."""
CURVE_POINTS = 101  # recall from 0 to 1


@dataclass(frozen=True)
class BestF1:
    """The threshold on the score at which a class has the best F1.

    Args:
        threshold: In [0, 1]; half way between the last score that is kept and the next one.
        f1, precision, recall: In percent, of boxes with greater scores.
    """

    threshold: float
    f1: float
    precision: float
    recall: float


@dataclass(frozen=True)
class Why:
    """The errors of one detector.

    Args:
        label: The detector's.
        errors: By TIDE's short name: how many there are, and by how many points AP50 would rise without them.
        sizes: AP in percent by size of true boxes; None where there is none of a size.
        curves: For each class (M), precision in percent at recall 0, 0.01, ... 1; empty where it has no true box.
        best: For each class (M); None where it has no true box or nothing right was found.
        confusion: Boxes above the best thresholds by true class (rows) and found class (columns), the last of each is
            background; shape (M + 1, M + 1).
    """

    label: str
    errors: dict[str, tuple[int, float]]
    sizes: dict[str, float | None]
    curves: tuple[tuple[float, ...], ...]
    best: tuple[BestF1 | None, ...]
    confusion: np.ndarray

    @property
    def mean_curve(self) -> list[float]:
        """Mean precision over the classes that have true boxes, in percent; empty without any."""
        known = [curve for curve in self.curves if curve]
        return [float(value) for value in np.mean(known, axis=0)] if known else []


def why(outputs: DetectorOutputs, label: str) -> Why:
    """Look into one detector's errors on the test images."""
    found, ids = outputs.found[label], outputs.class_ids
    result = evaluate_boxes(outputs.annotations, found, ids)
    matches = match_images(outputs.annotations, found, ids)
    best = tuple(best_f1(one) for one in matches)
    limits = {i: one.threshold if one else 1.0 for i, one in zip(ids, best, strict=True)}
    sure = [box for box in found if box['score'] > limits.get(box['category_id'], 1.0)]
    return Why(
        label=label,
        errors=error_types(outputs.annotations, found, ids),
        sizes={name: percent(result.ap(area=name)) for name in AREAS},
        curves=tuple(precision_curve(one) for one in matches),
        best=best,
        confusion=confusion(outputs.annotations, sure, ids),
    )


def precision_curve(matches: ClassMatches) -> tuple[float, ...]:
    """Interpolated precision in percent at 101 recall points, as COCO reads it at IoU 0.5; empty without a true box."""
    if not len(matches.truth):
        return ()
    right, counted = _sums(matches)
    best = np.maximum.accumulate((right / np.maximum(counted, 1))[::-1])[::-1]
    places = np.searchsorted(right / len(matches.truth), np.linspace(0, 1, CURVE_POINTS))
    return tuple(100 * float(best[place]) if place < len(best) else 0.0 for place in places)


def best_f1(matches: ClassMatches) -> BestF1 | None:
    """The threshold with the greatest F1, the highest of several; None without a true box or a right detection."""
    right, counted = _sums(matches)
    if not len(matches.truth) or not right.any():
        return None
    last = np.flatnonzero(
        np.append(np.diff(matches.score) < 0, True)
    )  # of each score the last detection
    f1 = 2 * right[last] / (counted[last] + len(matches.truth))
    place = last[int(np.argmax(f1))]
    score = matches.score[place]
    following = (
        matches.score[place + 1] if place + 1 < len(matches.score) else max(score - 0.01, 0.0)
    )
    return BestF1(
        threshold=round(float((score + following) / 2), 4),
        f1=100 * float(f1.max()),
        precision=100 * float(right[place] / counted[place]),
        recall=100 * float(right[place] / len(matches.truth)),
    )


def error_types(
    truth: dict, detections: Sequence[dict], class_ids: Sequence[int]
) -> dict[str, tuple[int, float]]:
    """TIDE's kinds of errors at IoU 0.5: how many, and by how many points AP50 would rise if all were corrected.

    Computed by hotcoco, whose figures are those of the authors' tidecv.
    """
    evaluation = _evaluation(truth, detections, class_ids)
    evaluation.evaluate()
    found = evaluation.tide_errors(pos_thr=0.5, bg_thr=0.1)
    return {
        name: (int(found['counts'][name]), 100 * float(found['delta_ap'][name])) for name in ERRORS
    }


def confusion(truth: dict, detections: Sequence[dict], class_ids: Sequence[int]) -> np.ndarray:
    """Boxes by true class (rows) and found class (columns), the last of each for background; shape (M + 1, M + 1)."""
    found = _evaluation(truth, detections, class_ids).confusion_matrix(iou_thr=0.5, max_det=100)
    order = [list(found['cat_ids']).index(i) for i in class_ids] + [len(class_ids)]
    return np.asarray(found['matrix'], dtype=int)[np.ix_(order, order)]


def thresholds_json(why: Why, classes: Sequence[str]) -> dict:
    """What is written beside the report for ``infer`` and ``label``: of each class the score with the best F1.

    A class without a threshold of its own has the median of the others'.
    """
    known = [one.threshold for one in why.best if one]
    rest = float(np.median(known)) if known else 0.5
    return dict(
        detector=why.label,
        compared_with='score',
        thresholds={
            name: one.threshold if one else round(rest, 4)
            for name, one in zip(classes, why.best, strict=True)
        },
    )


def _sums(matches: ClassMatches) -> tuple[np.ndarray, np.ndarray]:
    """Right and counted detections down to each one, at IoU 0.5; shape (N,) each."""
    return np.cumsum(matches.right[0]), np.cumsum(~matches.ignored[0])


def _evaluation(truth: dict, detections: Sequence[dict], class_ids: Sequence[int]) -> Any:
    """Hotcoco's COCOeval of boxes."""
    from hotcoco import COCO, COCOeval  # here, so that a page without it needs no library

    known = set(class_ids)
    categories = [c for c in truth['categories'] if c['id'] in known]
    boxes = [b for b in whole_annotations(truth['annotations']) if b['category_id'] in known]
    whole = COCO(dict(images=truth['images'], annotations=boxes, categories=categories))
    found = [
        {key: box[key] for key in ('image_id', 'category_id', 'bbox', 'score')}
        for box in detections
        if box['category_id'] in known
    ]
    return COCOeval(whole, whole.load_res(found), 'bbox')
