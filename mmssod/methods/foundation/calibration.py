"""Calibrates scores to precisions: the share of correct boxes at each score, learned on the labeled images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from scipy.optimize import isotonic_regression

from mmssod.analysis.image_matches import match_images
from mmssod.environment.errors import InputError
from mmssod.evaluation.coco import category_ids
from mmssod.methods.foundation.detections_file import ImageDetections


@dataclass(frozen=True)
class Calibration:
    """A monotone map of scores: the precision at known scores, between them linear, beyond them constant.

    Args:
        scores: Rising, shape (S,).
        precisions: Not falling, in [0, 1], shape (S,).
    """

    scores: np.ndarray
    precisions: np.ndarray

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """The precisions of scores of any shape."""
        return np.interp(scores, self.scores, self.precisions)


def fit(scores: np.ndarray, right: np.ndarray) -> Calibration:
    """Isotonic regression of what is right on scores, by scipy.

    Law: of the boxes that get one precision, that share is right.

    Args:
        scores: Scores of all boxes, shape (N,).
        right: Whether each is right, shape (N,).

    Raises:
        ValueError: Without any box.
    """
    if not len(scores):
        raise InputError(
            'calibration: expected detections on the labeled images, got none; predict them with the same detector, or '
            "leave the labeler's `labeled` out"
        )
    values, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    shares = np.bincount(places, weights=right.astype(float)) / counts
    return Calibration(values, isotonic_regression(shares, weights=counts).x)


def calibrate(
    found: Mapping[str, ImageDetections], truth: dict, classes: Sequence[str]
) -> Calibration:
    """The map that detections on labeled images give; one for all classes, since labeled boxes are few.

    Args:
        found: Detections by name of the image's file; those of other images are left out.
        truth: COCO data set with the true boxes.
        classes: The student's, in order.

    Returns:
        Right is a box that COCO's matching gives a true box of its class at IoU 0.5; one on a crowd does not count.
    """
    ids = category_ids(truth, classes)
    boxes = []
    for image in truth['images']:
        ours = found.get(PurePath(image['file_name']).name)
        for (x1, y1, x2, y2), label, p in (
            zip(ours.boxes, ours.labels, ours.p, strict=True) if ours else ()
        ):
            boxes.append(
                dict(
                    image_id=image['id'],
                    category_id=ids[label],
                    bbox=[float(x1), float(y1), float(x2 - x1), float(y2 - y1)],
                    score=float(p),
                )
            )
    matches = match_images(truth, boxes, ids, most=len(boxes) + 1)
    judged = [~each.ignored[0] for each in matches]
    return fit(
        np.concatenate([each.score[of] for each, of in zip(matches, judged, strict=True)]),
        np.concatenate([each.right[0][of] for each, of in zip(matches, judged, strict=True)]),
    )
