"""COCO's matching of detections to true boxes, run once per image and kept as arrays for many evaluations.

``I`` images in the order of their ids, ``N`` detections and ``G`` true boxes of one class, ``T`` IoU thresholds
0.50 .. 0.95.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mmssod.datasets.annotation_files import whole_annotations
from mmssod.evaluation.coco import IOU_THRESHOLDS

MOST = 100  # detections per image and class that count, as in COCO's AP
ALL_AREAS = [0.0, 1e10]  # square pixels


@dataclass(frozen=True)
class ClassMatches:
    """Detections of one class on all images, the highest score first.

    Args:
        image: Index of the image of each detection, shape (N,).
        score: In [0, 1], shape (N,).
        right: Whether it found a true box, at each IoU threshold, shape (T, N).
        ignored: Whether it counts neither as right nor as wrong, since it lies on a crowd, shape (T, N).
        truth: Index of the image of each true box, crowds left out, shape (G,).
    """

    image: np.ndarray
    score: np.ndarray
    right: np.ndarray
    ignored: np.ndarray
    truth: np.ndarray


def match_images(
    truth: dict, detections: Sequence[dict], class_ids: Sequence[int], most: int = MOST
) -> list[ClassMatches]:
    """Match detections with true boxes by pycocotools, for all box sizes.

    Args:
        truth: COCO data set.
        detections: image_id, category_id, bbox ``[x, y, w, h]`` and score of each.
        class_ids: Category ids in the order of classes.
        most: Detections per image and class that count.

    Returns:
        One for each class. Only pairs of image and class with a true box go through pycocotools: in the others all
        detections are wrong.
    """
    images = {image: i for i, image in enumerate(sorted(i['id'] for i in truth['images']))}
    classes = {class_id: place for place, class_id in enumerate(class_ids)}
    boxes = [box for box in detections if box['category_id'] in classes]
    image = np.array([images[box['image_id']] for box in boxes], dtype=int)
    label = np.array([classes[box['category_id']] for box in boxes], dtype=int)
    score = np.array([box['score'] for box in boxes], dtype=float)
    right = np.zeros((len(IOU_THRESHOLDS), len(boxes)), dtype=bool)
    ignored = np.zeros_like(right)
    true: list[list[int]] = [[] for _ in class_ids]
    for found in _evaluated(truth, boxes, class_ids, most):
        places = np.array(found['dtIds'], dtype=int) - 1
        shape = len(right), len(places)
        out = np.asarray(found['dtIgnore'], dtype=bool).reshape(shape)
        ignored[:, places] = out
        right[:, places] = (np.asarray(found['dtMatches']).reshape(shape) > 0) & ~out
        counted = int((np.asarray(found['gtIgnore']) == 0).sum())
        true[classes[found['category_id']]] += [images[found['image_id']]] * counted
    order = _kept_in_order(image, label, score, most)
    ends = np.searchsorted(label[order], np.arange(len(class_ids) + 1))
    parts = [order[start:end] for start, end in zip(ends[:-1], ends[1:], strict=True)]
    return [
        ClassMatches(image[of], score[of], right[:, of], ignored[:, of], np.array(boxes, dtype=int))
        for of, boxes in zip(parts, true, strict=True)
    ]


def of_images(matches: ClassMatches, images: np.ndarray) -> ClassMatches:
    """The matches of some images, renumbered from 0.

    Args:
        matches: On all images.
        images: Indices of those that are wanted, shape (n,), ascending.
    """
    there, true = np.isin(matches.image, images), np.isin(matches.truth, images)
    return ClassMatches(
        np.searchsorted(images, matches.image[there]),
        matches.score[there],
        matches.right[:, there],
        matches.ignored[:, there],
        np.searchsorted(images, matches.truth[true]),
    )


def _kept_in_order(
    image: np.ndarray, label: np.ndarray, score: np.ndarray, most: int
) -> np.ndarray:
    """Indices of the ``most`` detections per image and class, by class, then by score; ties by image, as in COCO."""
    order = np.lexsort((-score, image, label))  # stable
    pair = label[order] * (image.max(initial=0) + 1) + image[order]
    place = np.arange(len(order))
    first = np.maximum.accumulate(np.where(np.diff(pair, prepend=-1) != 0, place, 0))
    order = order[place - first < most]
    return order[np.lexsort((-score[order], label[order]))]


def _evaluated(
    truth: dict, boxes: Sequence[dict], class_ids: Sequence[int], most: int
) -> Iterator[dict[str, Any]]:
    """Pycocotools' matches of each image and class with true boxes; the id of a detection is its place plus 1."""
    solid = whole_annotations(truth['annotations'])
    pairs = sorted({(box['image_id'], box['category_id']) for box in solid})
    there = set(pairs)
    found = [
        dict(box, id=number, area=box['bbox'][2] * box['bbox'][3], iscrowd=0)
        for number, box in enumerate(boxes, 1)
        if (box['image_id'], box['category_id']) in there
    ]
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        sets = []
        for annotations in (solid, found):
            coco = COCO()
            coco.dataset = {'info': {}, **truth, 'annotations': annotations}
            coco.createIndex()
            sets.append(coco)
        evaluation = COCOeval(*sets, 'bbox')
    params = evaluation.params
    params.imgIds = sorted(image['id'] for image in truth['images'])
    params.catIds = list(class_ids)
    params.maxDets = [most]
    evaluation._prepare()
    for image, category in pairs:
        if category in params.catIds:
            evaluation.ious = {(image, category): evaluation.computeIoU(image, category)}
            yield evaluation.evaluateImg(image, category, ALL_AREAS, most)
