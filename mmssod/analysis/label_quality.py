"""Quality of pseudo labels, and which certainty predicts it best, measured with withheld boxes.

``N`` boxes that a teacher found on all images, ``G`` withheld boxes.
"""

from collections.abc import Sequence

import numpy as np

from mmssod.analysis.box_precision import match, most_certain
from mmssod.evaluation import DetectorOutputs, Matches, quality
from mmssod.evaluation.pseudo_quality import CERTAINTIES, correlation

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SHARES = (0.2, 0.4, 0.6, 0.8)
IOUS = (0.5, 0.75, 0.85)
CLASS_THRESHOLDS = (0.5, 0.7)
LEVELS = (('p', 0.7), ('p*v', 0.5), ('p*v', 0.7))
MATCHED = 0.8
FLOOR = 0.3


def label_quality(outputs: DetectorOutputs, label: str) -> dict[str, list[dict]]:
    """Four tables as records, each a row.

    Args:
        outputs: What the teacher found on the unlabeled images, and the withheld boxes.
        label: Which teacher.

    Returns:
        ``certainty``: of each certainty the correlation with the true IoU, among boxes of p > 0.3. ``ranking``: the
        most certain boxes, as many as a share of the G true ones, so that certainties are compared at equal numbers.
        ``thresholds``: what a threshold keeps. ``classes``: what p*v above each of :data:`CLASS_THRESHOLDS` keeps of a
        class, the most frequent first. Precision and recall are in [0, 1], NaN where there is no box.
    """
    matches = match(outputs, label)
    sure = (matches.cls_certainty > FLOOR) & ~matches.ignored
    correlations = [
        dict(certainty=name, correlation=correlation(certainty[sure], matches.iou[sure]))
        for name in CERTAINTIES
        for certainty in [matches.certainty(name)]
    ]
    number = len(matches.true_labels)
    ranking = [
        dict(
            certainty=name, **judge(matches, most_certain(matches, matches.certainty(name), boxes))
        )
        for boxes in (round(share * number) for share in SHARES)
        for name in CERTAINTIES
    ]
    thresholds = [
        dict(kept=f'{name} > {threshold}', **judge(matches, matches.certainty(name) > threshold))
        for name in ('p', 'p*v', 'p_and_v')
        for threshold in THRESHOLDS
    ]
    return dict(
        certainty=correlations,
        ranking=ranking,
        thresholds=thresholds,
        classes=by_class(matches, outputs.classes),
    )


def readings(outputs: DetectorOutputs) -> list[dict]:
    """Compares what each certainty measure keeps at the same thresholds, for several teachers.

    Args:
        outputs: What the teachers found on the unlabeled images, and the withheld boxes.

    Returns:
        Records, of each teacher one for every reading: a certainty above each of :data:`LEVELS`, and of each class the
        boxes of the greatest certainty, :data:`MATCHED` times as many as true ones, which is what
        :class:`~mmssod.models.MatchingBalancer` keeps where labeled images have as many boxes as the others. Beside
        :func:`judge`'s figures stands how many boxes that is per true one.
    """
    records = []
    for label in outputs.found:
        matches = match(outputs, label)
        number = max(len(matches.true_labels), 1)
        kept = {f'{name} > {level}': matches.certainty(name) > level for name, level in LEVELS}
        kept |= {
            f'{MATCHED} of each class, by {name}': matched(matches, name) for name in ('p', 'p*v')
        }
        for reading, keep in kept.items():
            figures = judge(matches, keep)
            records.append(
                {
                    'teacher': label,
                    'kept': reading,
                    'boxes per true box': figures['boxes'] / number,
                    **figures,
                }
            )
    return records


def matched(matches: Matches, certainty: str) -> np.ndarray:
    """Mask of the most certain boxes of each class, :data:`MATCHED` times as many as true ones; bool, shape (N,)."""
    mask = np.zeros(len(matches.labels), dtype=bool)
    values = matches.certainty(certainty)
    for label, number in zip(*np.unique(matches.true_labels, return_counts=True), strict=True):
        own = np.where(matches.labels == label, values, -np.inf)
        mask |= most_certain(matches, own, round(MATCHED * number)) & np.isfinite(own)
    return mask


def by_class(matches: Matches, classes: Sequence[str]) -> list[dict]:
    """Of each class the withheld boxes, and what p*v above each threshold keeps: boxes, precision and recall at 0.5."""
    true = np.bincount(matches.true_labels, minlength=len(classes))
    records = []
    for label in np.argsort(-true, kind='stable'):
        record: dict[str, str | float] = {'class': classes[label], 'withheld': int(true[label])}
        for threshold in CLASS_THRESHOLDS:
            taken = (matches.labels == label) & ~matches.ignored
            taken &= matches.certainty('p*v') > threshold
            right = int(matches.right(taken, IOUS[0]).sum())
            name = f'p*v > {threshold}'
            record[f'{name}: boxes'] = int(taken.sum())
            record[f'{name}: precision'] = right / taken.sum() if taken.any() else float('nan')
            record[f'{name}: recall'] = right / true[label] if true[label] else float('nan')
        records.append(record)
    return records


def judge(matches: Matches, keep: np.ndarray) -> dict[str, float]:
    """Quality of the boxes at a mask, with precision at each of :data:`IOUS`; bool, shape (N,) in."""
    found = quality(matches, keep)
    precision = {f'precision at {iou}': quality(matches, keep, iou)['precision'] for iou in IOUS}
    return {
        'boxes': found['boxes'],
        **precision,
        'recall at 0.5': found['recall'],
        'mean IoU': found['mean_iou'],
    }


def text_table(records: list[dict]) -> list[list[str]]:
    """Records as rows of text, a header first: numbers to three places, counts as they are."""
    rows = [[as_text(value) for value in record.values()] for record in records]
    return [list(records[0]), *rows]


def as_text(value: str | float) -> str:
    """A cell."""
    return f'{value:.3f}' if isinstance(value, float) else str(value)
