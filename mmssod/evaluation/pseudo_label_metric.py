"""Pseudo-label quality as a metric: predictions of unlabeled images against boxes that were withheld."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric

from mmssod.evaluation.detections import as_arrays
from mmssod.evaluation.pseudo_quality import (
    CERTAINTIES,
    Matches,
    correlation,
    match_annotations,
    precision_of_best,
    quality,
)

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
IOUS = (0.5, 0.75, 0.85)


@METRICS.register_module()
class PseudoLabelMetric(BaseMetric):
    """Which of p, v and p*v tells good boxes from bad, and what each threshold keeps.

    Args:
        ann_file: COCO json of the unlabeled images with the withheld boxes; for judging only.
        floor: Boxes below this p are not looked at by the correlations and shares.
        kwargs: As :class:`mmengine.evaluator.BaseMetric`.
    """

    default_prefix = 'pseudo'

    def __init__(self, ann_file: str, floor: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ann_file = ann_file
        self.floor = floor

    def process(self, data_batch: Any, data_samples: Any) -> None:
        """Keep the predictions of one batch, in pixels of the original images."""
        for sample in data_samples:
            self.results.append((sample['img_id'], *as_arrays(sample['pred_instances'])))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Correlations with the true IoU, precision of the best, and quality at thresholds.

        Args:
            results: Image id, boxes, labels, p and v of each image.

        Returns:
            Figures in [0, 1] (and counts) by name: ``corr_M``; ``best30_M@IOU``, precision of the most certain 30 %;
            ``M>T_boxes``, ``_precision``, ``_precision@IOU``, ``_recall``, ``_mean_iou`` for M in p, v, p*v, p_and_v.
        """
        matches = self.match(results)
        measures = {name: matches.certainty(name) for name in CERTAINTIES}
        metrics: dict[str, float] = {}
        sure = (measures['p'] > self.floor) & ~matches.ignored
        kept = matches.select(sure)
        for name, values in measures.items():
            metrics[f'corr_{name}'] = correlation(values[sure], matches.iou[sure])
            for iou in IOUS:
                share = precision_of_best(kept, values[sure], 0.3, iou)
                metrics[f'best30_{name}@{iou}'] = float('nan') if share is None else share
        metrics['median_v'] = float(np.median(measures['v'][sure])) if sure.any() else float('nan')
        for name in ('p', 'p*v', 'p_and_v'):
            for threshold in THRESHOLDS:
                metrics.update(self.at(matches, name, measures[name] > threshold, threshold))
        return metrics

    @staticmethod
    def at(matches: Matches, name: str, keep: np.ndarray, threshold: float) -> dict[str, float]:
        """Quality of the boxes at a mask, named by measure and threshold."""
        found = {
            f'{name}>{threshold}_{key}': value for key, value in quality(matches, keep).items()
        }
        for iou in IOUS[1:]:
            found[f'{name}>{threshold}_precision@{iou}'] = quality(matches, keep, iou)['precision']
        return found

    def match(self, results: list) -> Matches:
        """All images' predictions against their withheld boxes."""
        annotations = json.loads(Path(self.ann_file).read_text())
        return match_annotations(annotations, self.dataset_meta['classes'], results)
