"""Precision of pseudo boxes over IoU thresholds, measured with withheld boxes (Figure 3).

``N`` boxes that a teacher found on all images.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mmssod.analysis.plotting import draw_curves, percent
from mmssod.evaluation import DetectorOutputs, Matches, quality
from mmssod.evaluation.coco import IOU_THRESHOLDS
from mmssod.evaluation.detections import certainties, corners
from mmssod.evaluation.pseudo_quality import match_annotations


def box_precision(
    outputs: DetectorOutputs, certainty: str = 'p*v', threshold: float = 0.7, boxes: int = 0
) -> dict[str, Any]:
    """Precision and recall of each teacher's pseudo boxes at each IoU threshold.

    Args:
        outputs: What the teachers found on the unlabeled images, and the withheld boxes.
        certainty: What the selection looks at: ``'p'``, ``'v'``, ``'p*v'`` or ``'p_and_v'``.
        threshold: Boxes with a certainty above it are pseudo boxes.
        boxes: Instead of the threshold: this many of each teacher, the most certain ones, so that teachers are compared
            at the same number; 0 uses the threshold.

    Returns:
        ``selection`` in words; ``iou``, the thresholds; by label ``boxes`` (number of pseudo boxes), ``precision`` and
        ``recall`` in percent at each threshold, None where there is no box to judge.
    """
    numbers: dict[str, Any] = dict(
        selection=f'the {boxes} boxes of the greatest {certainty}'
        if boxes
        else f'{certainty} > {threshold:g}',
        iou=[round(float(iou), 2) for iou in IOU_THRESHOLDS],
        boxes={},
        precision={},
        recall={},
    )
    for label in outputs.found:
        matches = match(outputs, label)
        values = matches.certainty(certainty)
        keep = most_certain(matches, values, boxes) if boxes else values > threshold
        found = [quality(matches, keep, iou) for iou in IOU_THRESHOLDS]
        numbers['boxes'][label] = found[0]['boxes']
        for key in ('precision', 'recall'):
            numbers[key][label] = [percent(at[key]) for at in found]
    return numbers


def precision_table(numbers: dict[str, Any]) -> list[list[str]]:
    """Rows of text, a header first: of each teacher the number of boxes and the precision in percent at each IoU."""
    rows = [['', 'boxes', *(f'IoU {iou:.2f}' for iou in numbers['iou'])]]
    for label, precision in numbers['precision'].items():
        figures = ['' if value is None else f'{value:.1f}' for value in precision]
        rows.append([label, str(numbers['boxes'][label]), *figures])
    return rows


def match(outputs: DetectorOutputs, label: str) -> Matches:
    """All boxes of one teacher against the withheld ones."""
    index = {class_id: place for place, class_id in enumerate(outputs.class_ids)}
    results = []
    for image_id, found in outputs.by_image(label).items():
        known = [box for box in found if box['category_id'] in index]
        labels = np.array([index[box['category_id']] for box in known], dtype=int)
        results.append((image_id, corners(known), labels, *certainties(known)))
    return match_annotations(outputs.annotations, outputs.classes, results)


def most_certain(matches: Matches, certainty: np.ndarray, number: int) -> np.ndarray:
    """Mask of the most certain boxes, those on boxes to be ignored left out; all where there are fewer; shape (N,)."""
    usable = np.flatnonzero(~matches.ignored)
    mask = np.zeros(len(certainty), dtype=bool)
    mask[usable[np.argsort(-certainty[usable], kind='stable')[:number]]] = True
    return mask


def draw(numbers: dict[str, Any]) -> Figure:
    """The figure of what :func:`box_precision` gives."""
    curves = {
        f'{label} ({numbers["boxes"][label]} boxes)': precision
        for label, precision in numbers['precision'].items()
    }
    figure = draw_curves(numbers['iou'], curves, 'precision of pseudo boxes (%)')
    figure.axes[0].set_title(f'pseudo boxes: {numbers["selection"]}', fontsize=10)
    return figure
