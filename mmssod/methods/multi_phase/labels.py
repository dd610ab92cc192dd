"""Multi-Phase's labels: thresholds that match counts, the easy half, the boxes on which two phases agree.

Pure functions on detections in COCO's result format (:mod:`mmssod.evaluation.detections`).

Source: Wang et al., "Data-Uncertainty Guided Multi-Phase Learning for Semi-Supervised Object Detection", 2021.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from operator import itemgetter
from statistics import fmean

import numpy as np
import torch
from mmcv.ops import batched_nms
from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor

from mmssod.evaluation.detections import corners


def threshold_grid(low: float = 0.1, high: float = 1.0, step: float = 0.01) -> np.ndarray:
    """Thresholds from ``low`` to ``high``, both included; shape (T,), float64."""
    return np.round(low + step * np.arange(round((high - low) / step) + 1), 10)


def boxes_per_image(annotations: dict) -> dict[int, float]:
    """Labeled boxes per image of each category of a COCO data set; those with ``iscrowd`` do not count."""
    counts = {category['id']: 0 for category in annotations['categories']}
    for box in annotations['annotations']:
        counts[box['category_id']] += not box.get('iscrowd', 0)
    return {key: count / len(annotations['images']) for key, count in counts.items()}


def matching_thresholds(
    detections: Sequence[dict], images: int, wanted: Mapping[int, float], grid: np.ndarray
) -> dict[int, float]:
    """For each class the threshold that leaves as many boxes per image as are labeled.

    Args:
        detections: Detections of all unlabeled images.
        images: How many these are, at least 1.
        wanted: Boxes an image by category id.
        grid: Thresholds to choose from, rising, shape (T,).

    Returns:
        By category id the threshold whose boxes per image (scores above it) are nearest to those wanted; of several the
        lowest, as in the source.
    """
    scores = defaultdict(list)
    for box in detections:
        scores[box['category_id']].append(box['score'])
    found = {}
    for key, number in wanted.items():
        ranked = np.sort(scores[key])
        left = (len(ranked) - np.searchsorted(ranked, grid, side='right')) / images
        found[key] = float(grid[np.abs(left - number).argmin()])
    return found


def above(detections: Sequence[dict], thresholds: Mapping[int, float]) -> list[dict]:
    """The detections whose score is above the threshold of their category."""
    return [box for box in detections if box['score'] > thresholds[box['category_id']]]


def easiest(detections: Sequence[dict], share: float = 0.5) -> list[dict]:
    """The boxes of the images with the greatest mean score.

    Args:
        detections: Kept detections; images without any do not count.
        share: Share of these images, in (0, 1], rounded down; at least one image stays.

    Returns:
        Their boxes in the given order; of equal means, the images that come first.
    """
    scores = defaultdict(list)
    for box in detections:
        scores[box['image_id']].append(box['score'])
    ranked = sorted(scores, key=lambda image: -fmean(scores[image]))
    kept = set(ranked[: max(1, int(share * len(ranked)))])
    return [box for box in detections if box['image_id'] in kept]


def agreement(
    first: Sequence[dict], second: Sequence[dict], iou: float = 0.5, nms_iou: float = 0.3
) -> list[dict]:
    """Boxes that two detectors agree on, each object once.

    Of each two boxes of one category that overlap by more than ``iou``, one of each detector, the surer takes part; of
    all that do, non-maximum suppression by category leaves the surest.

    Args:
        first, second: Detections of the same images.
        iou: In [0, 1].
        nms_iou: In [0, 1].
    """
    groups = [_by_image(first), _by_image(second)]
    found = []
    for image in groups[0].keys() & groups[1].keys():
        ours, theirs = (group[image] for group in groups)
        pairs = (_overlaps(ours, theirs) > iou).nonzero().tolist()
        surer = [max(ours[i], theirs[j], key=itemgetter('score')) for i, j in pairs]
        found += _suppressed(surer, nms_iou)
    return sorted(found, key=lambda box: box['image_id'])


def _by_image(detections: Sequence[dict]) -> dict[int, list[dict]]:
    groups = defaultdict(list)
    for box in detections:
        groups[box['image_id']].append(box)
    return groups


def _overlaps(ours: Sequence[dict], theirs: Sequence[dict]) -> Tensor:
    """IoU of boxes of one category, -1 of others; shape (boxes of ours, boxes of theirs)."""
    overlaps = bbox_overlaps(*(torch.from_numpy(corners(boxes)) for boxes in (ours, theirs)))
    rows, columns = (torch.tensor([b['category_id'] for b in boxes]) for boxes in (ours, theirs))
    return overlaps.masked_fill(rows[:, None] != columns[None], -1.0)


def _suppressed(boxes: list[dict], iou: float) -> list[dict]:
    if not boxes:
        return []
    kept = batched_nms(
        torch.from_numpy(corners(boxes)),
        torch.tensor([box['score'] for box in boxes]),
        torch.tensor([box['category_id'] for box in boxes]),
        dict(type='nms', iou_threshold=iou),
    )[1]
    return [boxes[index] for index in kept.tolist()]
