"""Finds and draws the images on which two detectors, or a detector and the ground truth, differ most (Figure 4).

``N`` and ``M`` boxes of one image; boxes ``x1 y1 x2 y2`` in pixels of the original image.
"""

import os.path as osp
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from torchvision.ops import box_iou

from mmssod.environment.errors import InputError
from mmssod.evaluation import DetectorOutputs
from mmssod.evaluation.detections import certainties, corners
from mmssod.evaluation.pseudo_quality import as_boxes, certainty

TRUTH = 'truth'


@dataclass(frozen=True)
class Side:
    """The boxes of one side on one image.

    Args:
        boxes: Shape (N, 4).
        classes: Names, N of them.
        tags: What is written at each box, N texts.
    """

    boxes: np.ndarray
    classes: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """One image with its sides.

    Args:
        image_id: Image id in the data set.
        path: Image file.
        distance: How much the first two sides differ, see :func:`distance`.
        sides: Boxes by label: two detectors, or a detector and the truth.
        truth: The true boxes.
    """

    image_id: int
    path: str
    distance: float
    sides: dict[str, Side]
    truth: Side

    def numbers(self) -> dict[str, Any]:
        """As plain data."""
        sides = {
            label: [
                dict(bbox=box, label=name, tag=tag)
                for box, name, tag in zip(
                    side.boxes.astype(float).round(2).tolist(), side.classes, side.tags, strict=True
                )
            ]
            for label, side in {**self.sides, TRUTH: self.truth}.items()
        }
        return dict(image_id=self.image_id, path=self.path, distance=self.distance, sides=sides)


def pictures(
    outputs: DetectorOutputs, certainty_name: str = 'p*v', threshold: float = 0.5
) -> list[Picture]:
    """All images with the boxes of two detectors, or of one detector and the truth; the most different first.

    Args:
        outputs: What one or two detectors found.
        certainty_name: What the threshold is compared with: ``'p'``, ``'v'``, ``'p*v'`` or ``'p_and_v'``.
        threshold: Only boxes above it are looked at.

    Raises:
        ValueError: For no detector or more than two.
    """
    if len(outputs.found) not in (1, 2):
        raise InputError(
            f'pictures: expected one detector (against the truth) or two, got {list(outputs.found)}'
        )
    names = {category['id']: category['name'] for category in outputs.annotations['categories']}
    found = {label: outputs.by_image(label) for label in outputs.found}
    true: dict[int, list[dict]] = {image['id']: [] for image in outputs.annotations['images']}
    for box in outputs.annotations['annotations']:
        true[box['image_id']].append(box)
    shown = []
    for image in outputs.annotations['images']:
        truth = true_side(true[image['id']], names)
        sides = {
            label: detected_side(groups[image['id']], names, certainty_name, threshold)
            for label, groups in found.items()
        }
        if len(sides) == 1:
            sides[TRUTH] = truth
        gap = distance(*sides.values())
        path = osp.join(outputs.images, image['file_name'])
        shown.append(Picture(image['id'], path, gap, sides, truth))
    return sorted(shown, key=lambda picture: -picture.distance)


def choose(
    shown: Sequence[Picture], number: int, image_ids: Sequence[int] | None = None
) -> list[Picture]:
    """The first ``number`` pictures, or those of the given ids in their order.

    Raises:
        ValueError: For an id that no picture has.
    """
    if image_ids is None:
        return list(shown[:number])
    by_id = {picture.image_id: picture for picture in shown}
    strange = [image_id for image_id in image_ids if image_id not in by_id]
    if strange:
        raise InputError(
            f'pictures: no images of the ids {strange}; the data set has {len(by_id)} from {min(by_id)} to {max(by_id)}'
        )
    return [by_id[image_id] for image_id in image_ids]


def detected_side(
    boxes: Sequence[dict], names: dict[int, str], certainty_name: str, threshold: float
) -> Side:
    """The detections above a threshold, the least certain first so that the most certain are drawn on top."""
    values = certainty(*certainties(boxes), certainty_name)
    kept = [
        boxes[index] for index in np.argsort(values, kind='stable') if values[index] > threshold
    ]
    classes = tuple(names[box['category_id']] for box in kept)
    tags = tuple(f'{name} {tag(box)}' for name, box in zip(classes, kept, strict=True))
    return Side(corners(kept), classes, tags)


def true_side(boxes: Sequence[dict], names: dict[int, str]) -> Side:
    """The true boxes, those to be ignored left out."""
    kept = [box for box in boxes if not box.get('iscrowd', 0)]
    classes = tuple(names[box['category_id']] for box in kept)
    return Side(corners(kept), classes, classes)


def tag(box: dict) -> str:
    """Certainties of a detection in words: p and v, or the score of a detector that gives neither."""
    if 'loc_certainty' not in box:
        return f'{box["score"]:.2f}'
    return f'p {box["cls_certainty"]:.2f} v {box["loc_certainty"]:.2f}'


def distance(first: Side, second: Side) -> float:
    """How much two sets of boxes differ: N + M - 2 * (sum of IoU of the best one-to-one match within classes).

    0 for equal sets; each box without a partner adds 1, each pair adds 2 * (1 - IoU).
    """
    overlap = box_iou(as_boxes(first.boxes), as_boxes(second.boxes)).numpy()
    same = np.array(first.classes, dtype=object)[:, None] == np.array(second.classes, dtype=object)
    overlap = np.where(same.reshape(overlap.shape), overlap, 0.0)
    matched = overlap[linear_sum_assignment(overlap, maximize=True)].sum()
    return float(len(first.boxes) + len(second.boxes) - 2 * matched)
