"""Labeled boxes that disagree with a detector, by TIDE's kinds of errors.

``N`` detections and ``G`` labeled boxes of one image.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torchvision.ops import box_iou

from mmssod.datasets.annotation_files import whole_annotations
from mmssod.evaluation.detections import corners
from mmssod.evaluation.pseudo_quality import as_boxes

RIGHT, BACKGROUND = 0.5, 0.1
"""TIDE's thresholds on the IoU."""
KINDS = {
    'Bkg': ('missing', 'something is found where nothing is labeled'),
    'Cls': ('mistaken class', 'the labeled box is found, as another class'),
    'Loc': ('misplaced', 'the labeled object is found beside its box'),
}
"""TIDE's errors of a detector, and what they are where the label is what is wrong."""


@dataclass(frozen=True)
class Suspicion:
    """One label that looks wrong.

    Args:
        kind: A key of :data:`KINDS`.
        score: How sure the detector is of it, less what speaks for the label, in (0, 1].
        image_id: Id of the image.
        found: The detection that speaks against the label.
        label: The labeled box; None of a missing one.
    """

    kind: str
    score: float
    image_id: int | str
    found: dict[str, Any]
    label: dict[str, Any] | None = None


def suspicions(truth: dict[str, Any], detections: Sequence[dict[str, Any]]) -> list[Suspicion]:
    """All labels that look wrong, the most suspicious first.

    A detection that agrees with a label (same class, IoU of 0.5 or more) speaks for it with its score. One of another
    class at that IoU speaks for a mistaken class. One of the same class with an IoU of 0.1 to 0.5 speaks for a
    misplaced box; where the label has detections of its own that are as sure, it is another object's, and both of
    these leave a missing one: what overlaps no label by 0.1 is one for certain. Each label, and each place without one,
    is named once.

    Args:
        truth: COCO data set; crowds are no labels, and what lies on them is not missing.
        detections: COCO's result format.
    """
    labels, found = defaultdict(list), defaultdict(list)
    for box in whole_annotations(truth['annotations']):
        labels[box['image_id']].append(box)
    for box in detections:
        found[box['image_id']].append(box)
    all_found = [one for image in found for one in _of_image(labels[image], found[image])]
    return sorted(all_found, key=lambda one: -one.score)


def _of_image(labels: Sequence[dict], found: Sequence[dict]) -> list[Suspicion]:
    order = sorted(found, key=lambda box: -box['score'])
    iou = _ious(order, labels)
    crowd = np.array([bool(box.get('iscrowd')) for box in labels], dtype=bool)
    ids = np.array([box['category_id'] for box in labels])
    support = np.zeros(len(labels))
    for box, row in zip(order, iou, strict=True):
        agrees = (row >= RIGHT) & (ids == box['category_id'])
        support[agrees] = np.maximum(support[agrees], box['score'])
    made: list[Suspicion] = []
    named = crowd.copy()
    free: list[dict] = []
    for box, row in zip(order, iou, strict=True):
        same = ids == box['category_id']
        if (row[same] >= RIGHT).any() or (row[crowd] >= BACKGROUND).any():
            continue
        over = np.where(row >= RIGHT, row, 0.0)
        beside = np.where(same & (row >= BACKGROUND), row, 0.0)
        kind, near = ('Cls', over) if over.any() else ('Loc', beside)
        place = int(near.argmax()) if near.any() else -1
        if place >= 0 and box['score'] > support[place]:
            if not named[place]:
                named[place] = True
                score = float(box['score'] - support[place])
                made.append(Suspicion(kind, score, box['image_id'], box, labels[place]))
        elif kind == 'Loc' and not (_ious([box], free) >= BACKGROUND).any():
            free.append(box)
            score = float(box['score'] * (1 - row.max(initial=0.0)))
            made.append(Suspicion('Bkg', score, box['image_id'], box))
    return made


def _ious(found: Sequence[dict], labels: Sequence[dict]) -> np.ndarray:
    """IoU of each pair, shape (N, G)."""
    overlap: np.ndarray = box_iou(as_boxes(corners(found)), as_boxes(corners(labels))).numpy()
    return overlap
