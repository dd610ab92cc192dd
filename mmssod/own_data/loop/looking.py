"""Measures a detector's uncertainty in an image: of classes, of locations, and between the image and its mirror image.

``N`` boxes, ``M`` classes, ``D`` features of one image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from torchvision.ops import box_iou

from mmssod.evaluation.detections import certainties, corners
from mmssod.evaluation.pseudo_quality import as_boxes
from mmssod.own_data.detector import Detector
from mmssod.own_data.loop.suspicions import RIGHT

FLOOR = 0.05
"""Boxes of a lower score are not looked at."""


@dataclass(frozen=True)
class Look:
    """A detector's uncertainty and features of one image.

    Args:
        boxes: Detections in COCO's result format, from :data:`FLOOR` on.
        doubt: Sum over boxes of how open the class is, see :func:`openness`.
        unsure: The box whose class is the most open; None without a box.
        place: Boxes whose place is open: the sum of p (1 - v), or, where the detector has no v, of the score times
            1 - IoU with the same box in the mirror image.
        flip: Boxes by which the image and its mirror image differ, see :func:`difference`.
        parts: Disagreement between student and teacher; 0 for a detector without the other.
        expected: Likely boxes of each class, shape (M,).
        features: Means over the image of what the neck gives, shape (D,).
    """

    boxes: list[dict[str, Any]]
    doubt: float
    unsure: dict[str, Any] | None
    place: float
    flip: float
    parts: float
    expected: np.ndarray
    features: np.ndarray


class Looker:
    """Looks at images with one detector, and perhaps with the other one of its run.

    Args:
        detector: Whose doubt counts, with :data:`FLOOR` as the least score.
        limits: For each class, the score from which a box counts as found, shape (M,).
        other: Student of its teacher, or teacher of its student.
    """

    def __init__(self, detector: Detector, limits: np.ndarray, other: Detector | None) -> None:
        self.detector, self.other = detector, other
        ids = [category['id'] for category in detector.categories()]
        self.limits = dict(zip(ids, limits.tolist(), strict=True))
        self.told = False  # whether the detector gives v, once an image with boxes was looked at

    def __call__(self, pixels: np.ndarray) -> Look:
        """Look at pixels BGR, shape (H, W, 3), uint8."""
        with pooled(self.detector.model) as features:
            boxes = self._found(self.detector, pixels)
            whole = features[0]
        mirrored = self._found(self.detector, np.ascontiguousarray(pixels[:, ::-1]))
        flipped = [mirror(box, pixels.shape[1]) for box in mirrored]
        p, v = certainties(boxes)
        limits = self._limits(boxes)
        self.told |= any('loc_certainty' in box for box in boxes)
        open_classes = openness(p, np.full(len(p), 0.5) if self.told else limits)
        expected = [
            sum(box['score'] for box in boxes if box['category_id'] == i and self.is_likely(box))
            for i in self.limits
        ]
        other = None if self.other is None else self._found(self.other, pixels)
        return Look(
            boxes=boxes,
            doubt=float(open_classes.sum()),
            unsure=boxes[int(open_classes.argmax())] if len(boxes) else None,
            place=float((p * (1 - v)).sum()) if self.told else shift(boxes, flipped),
            flip=self._difference(boxes, flipped),
            parts=0.0 if other is None else self._difference(boxes, other),
            expected=np.array(expected, dtype=float),
            features=whole,
        )

    def is_found(self, box: dict[str, Any]) -> bool:
        """Whether a detection counts as an object."""
        return bool(box['score'] >= self.limits[box['category_id']])

    def is_likely(self, box: dict[str, Any]) -> bool:
        """Whether it has half of the score for that."""
        return bool(box['score'] >= self.limits[box['category_id']] / 2)

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """The features alone of an image, shape (D,)."""
        with pooled(self.detector.model) as features:
            self._found(self.detector, pixels)
        return features[0]

    def _found(self, detector: Detector, pixels: np.ndarray) -> list[dict[str, Any]]:
        return detector.detections(detector.sample(pixels, 0))

    def _limits(self, boxes: Sequence[dict]) -> np.ndarray:
        return np.array([self.limits[box['category_id']] for box in boxes], dtype=float)

    def _difference(self, one: Sequence[dict], other: Sequence[dict]) -> float:
        return difference(one, other, self._limits(one) / 2, self._limits(other) / 2)


def openness(p: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Class uncertainty of boxes, in [0, 1], shape (N,).

    1 where p is the limit from which a box counts, falling to 0 at half of the limit, and half way from it to 1: the
    many boxes of a low p are no doubt but background.

    Args:
        p, limits: In (0, 1), shape (N,).
    """
    tent = np.minimum(p / limits, (1 - p) / (1 - limits))
    found: np.ndarray = np.maximum(2 * tent - 1, 0)
    return found


def pairs(one: Sequence[dict], other: Sequence[dict]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same boxes in two lists: their places in both, and their IoU, which is 0.5 or more; within classes."""
    iou = box_iou(as_boxes(corners(one)), as_boxes(corners(other))).numpy()
    ids = [np.array([box['category_id'] for box in boxes]) for boxes in (one, other)]
    iou = np.where(ids[0][:, None] == ids[1][None], iou, 0.0)
    rows, columns = linear_sum_assignment(iou, maximize=True)
    kept = iou[rows, columns] >= RIGHT
    rows, columns = rows[kept], columns[kept]
    return rows, columns, iou[rows, columns]


def difference(
    one: Sequence[dict], other: Sequence[dict], least: np.ndarray, other_least: np.ndarray
) -> float:
    """Boxes by which two lists differ: of a pair the difference of scores, of a box without a partner its score.

    Args:
        one, other: Detections of one image.
        least, other_least: The score below which a box counts only as a partner, of each box.
    """
    scores = [np.array([box['score'] for box in boxes], dtype=float) for boxes in (one, other)]
    rows, columns, _ = pairs(one, other)
    counts = [scores[0] >= least, scores[1] >= other_least]
    both = counts[0][rows] | counts[1][columns]
    total = np.abs(scores[0][rows] - scores[1][columns])[both].sum()
    for score, count, paired in zip(scores, counts, (rows, columns), strict=True):
        count[paired] = False
        total += score[count].sum()
    return float(total)


def shift(one: Sequence[dict], other: Sequence[dict]) -> float:
    """How far the same boxes lie apart: the sum of the score times 1 - IoU."""
    rows, _, iou = pairs(one, other)
    return float(sum(one[row]['score'] * (1 - x) for row, x in zip(rows, iou, strict=True)))


def mirror(box: dict[str, Any], width: int) -> dict[str, Any]:
    """A detection of the mirror image in the image itself."""
    x, y, w, h = box['bbox']
    return {**box, 'bbox': [width - x - w, y, w, h]}


@contextmanager
def pooled(model: Any) -> Iterator[list[np.ndarray]]:
    """The means over the image of what a detector's neck (or backbone) gives in each pass inside, shape (D,)."""
    found: list[np.ndarray] = []

    def keep(module: Any, inputs: Any, levels: Any) -> None:
        found.append(
            np.concatenate([level[0].mean(dim=(-2, -1)).cpu().numpy() for level in levels])
        )

    part = model.neck if getattr(model, 'with_neck', False) else model.backbone
    handle = part.register_forward_hook(keep)
    try:
        yield found
    finally:
        handle.remove()
