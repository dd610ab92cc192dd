"""COCO evaluation against pycocotools."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmssod.evaluation import evaluate_boxes
from speed_ratios.rows import Measured, Row, Setting, in_turns

CLASSES = 80
IMAGES, QUICK_IMAGES = 5000, 80
TRUTH_PER_IMAGE, FOUND_PER_IMAGE = 7, 36  # COCO val2017 has 7.3 boxes per image


def drawn_results(images: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A COCO data set of random boxes, and detections: true boxes shifted, and as many others."""
    random = np.random.RandomState(0)

    def boxes(number: int) -> np.ndarray:
        corner = random.uniform(0, 500, (number, 2))
        return np.hstack([corner, np.exp(random.uniform(2, 5.5, (number, 2)))])

    truth: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for image in range(1, images + 1):
        true_boxes = boxes(TRUTH_PER_IMAGE)
        labels = random.randint(1, CLASSES + 1, TRUTH_PER_IMAGE)
        for box, label in zip(true_boxes, labels, strict=True):
            entry = dict(image_id=image, category_id=int(label), bbox=box.tolist(), iscrowd=0)
            truth.append(dict(entry, id=len(truth) + 1, area=float(box[2] * box[3])))
        near = np.repeat(true_boxes, 2, axis=0)
        near = near + random.normal(0, 0.08, near.shape) * near[:, [2, 3, 2, 3]]
        others = FOUND_PER_IMAGE - len(near)
        every = zip(
            np.vstack([near, boxes(others)]),
            np.hstack([np.repeat(labels, 2), random.randint(1, CLASSES + 1, others)]),
            random.uniform(0.05, 1, FOUND_PER_IMAGE),
            strict=True,
        )
        for box, label, score in every:
            entry = dict(image_id=image, category_id=int(label), bbox=box.tolist())
            found.append(dict(entry, score=float(score)))
    annotations = dict(
        images=[dict(id=image, width=640, height=640) for image in range(1, images + 1)],
        annotations=truth,
        categories=[dict(id=number, name=str(number)) for number in range(1, CLASSES + 1)],
    )
    return annotations, found


def coco(setting: Setting) -> Measured:
    """Images of 80 classes; the figures must be equal."""
    images = QUICK_IMAGES if setting.quick else IMAGES
    annotations, found = drawn_results(images)
    class_ids = range(1, CLASSES + 1)
    results = {}

    def evaluate(backend: str) -> None:
        results[backend] = evaluate_boxes(annotations, found, class_ids, backend=backend).precision

    times = in_turns(setting, lambda: evaluate('faster'), lambda: evaluate('pycocotools'))
    equal = np.allclose(
        results['faster'], results['pycocotools'], rtol=0, atol=1e-9, equal_nan=True
    )
    figures = 'equal' if equal else 'NOT equal'
    return Measured(*times, note=f'{images} images, figures {figures}', sound=equal)


WHAT = f'COCO evaluation of {{}} images and {CLASSES} classes, ours / pycocotools, figures equal'
ROWS = (
    Row(
        'coco',
        WHAT.format(IMAGES),
        0.15,
        coco,
        quick_what=f'{WHAT.format(QUICK_IMAGES)} (the bar is for {IMAGES})',
        reason=f'The bar is for {IMAGES} images: on few of them what an evaluation costs by class and threshold, '
        'however many images there are, is most of it.',
    ),
)
