"""VOC's metric at COCO's IoU thresholds, in addition to COCO's own."""

from typing import Any

import numpy as np
from mmdet.evaluation import VOCMetric, eval_map
from mmdet.registry import METRICS
from mmengine.logging import MMLogger
from terminaltables import AsciiTable

from .coco import IOU_THRESHOLDS


@METRICS.register_module()
class VOCBoxMetric(VOCMetric):
    """``pascal_voc/AP50``, VOC's figure, ``AP75``, and ``mAP``, the mean over IoU 0.50 .. 0.95; in [0, 1].

    As Detectron2 reports VOC. The matching is mmdet's: a box is as wide as it has pixels (``x2 - x1 + 1``), difficult
    objects and what matches them do not count, and each box is matched with the object that it overlaps most. Unlike
    mmdet's, the figures are not rounded and the log has one table.

    Args:
        eval_mode: ``11points`` (VOC 2007: the mean of the best precision at recall 0, 0.1, ... 1) or ``area`` (2010 and
            after: the area below the curve).
        kwargs: As :class:`mmengine.evaluator.BaseMetric`.
    """

    def __init__(self, eval_mode: str, **kwargs: Any) -> None:
        super().__init__(iou_thrs=IOU_THRESHOLDS.tolist(), eval_mode=eval_mode, **kwargs)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """The three figures.

        Args:
            results: Annotations and boxes by class of each image, as mmdet's ``process`` collects them.
        """
        truth, detections = zip(*results, strict=True)
        means = []
        for iou in self.iou_thrs:
            mean, classes = eval_map(
                detections,
                truth,
                iou_thr=iou,
                eval_mode=self.eval_mode,
                use_legacy_coordinate=True,
                logger='silent',
            )
            means.append(mean)
            if iou == self.iou_thrs[0]:
                self._log([100 * float(each['ap']) for each in classes])
        return {'mAP': float(np.mean(means)), 'AP50': means[0], 'AP75': means[5]}

    def _log(self, ap50: list[float]) -> None:
        rows = [
            [name, f'{ap:.1f}'] for name, ap in zip(self.dataset_meta['classes'], ap50, strict=True)
        ]
        table = AsciiTable([['class', 'AP50'], *rows], title=f'VOC, {self.eval_mode}').table
        MMLogger.get_current_instance().info('\n' + table)
