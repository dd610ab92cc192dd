"""COCO evaluation of boxes: one function with two backends, and the metric that the configs use.

``T`` IoU thresholds 0.50 .. 0.95, ``M`` classes.
"""

import contextlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from mmdet.evaluation.metrics import CocoMetric
from mmdet.registry import METRICS
from mmengine.logging import MMLogger
from terminaltables import AsciiTable

from mmssod.datasets.annotation_files import read_json, whole_annotations
from mmssod.environment.errors import InputError

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
AREAS = ('all', 'small', 'medium', 'large')


@dataclass(frozen=True)
class CocoResult:
    """Average precision by IoU threshold, class and box area; NaN where a class has no true box.

    Args:
        precision: In [0, 1], shape (T, M, 4); areas in the order of :data:`AREAS`.
    """

    precision: np.ndarray

    def ap(self, iou: float | None = None, area: str = 'all', classes: Any = slice(None)) -> float:
        """Mean over classes (indices) and, without ``iou``, over IoU thresholds; in [0, 1], -1 if undefined."""
        values = self.precision[:, classes, AREAS.index(area)]
        if iou is not None:
            values = values[[int(np.argmin(abs(IOU_THRESHOLDS - iou)))]]
        values = values[~np.isnan(values)]
        return float(values.mean()) if values.size else -1.0

    @property
    def per_class(self) -> list[float]:
        """AP of each class, in [0, 1], -1 if undefined."""
        return [self.ap(classes=[index]) for index in range(self.precision.shape[1])]

    @property
    def per_iou(self) -> list[float]:
        """AP at each IoU threshold."""
        return [self.ap(iou=iou) for iou in IOU_THRESHOLDS]


def evaluate_boxes(
    annotations: dict,
    detections: Sequence[dict],
    class_ids: Sequence[int],
    max_detections: int = 100,
    backend: str = 'auto',
) -> CocoResult:
    """COCO's evaluation of boxes.

    Args:
        annotations: A COCO data set (images, annotations, categories); ids of its annotations do not matter.
        detections: image_id, category_id, bbox ``[x, y, w, h]`` and score of each.
        class_ids: Category ids in the order of classes.
        max_detections: Detections an image and class that count.
        backend: ``'faster'`` (faster-coco-eval), ``'pycocotools'``, or ``'auto'``: the faster one if installed; both
            give the same figures.

    Raises:
        ValueError: For another backend, or detections of images that the data set does not have.
    """
    if backend == 'auto':
        backend = 'faster' if find_spec('faster_coco_eval') else 'pycocotools'
    if backend == 'faster':
        from faster_coco_eval import COCO
        from faster_coco_eval import COCOeval_faster as COCOeval
    elif backend == 'pycocotools':
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    else:
        raise InputError(f"backend must be 'auto', 'faster' or 'pycocotools', got {backend!r}")
    annotations, detections, class_ids = _numbered(annotations, detections, class_ids)
    if not detections:
        return CocoResult(empty_precision(annotations, class_ids))
    with contextlib.redirect_stdout(io.StringIO()):  # both libraries print their progress
        truth = COCO()
        boxes = whole_annotations(annotations['annotations'])
        truth.dataset = {'info': {}, **annotations, 'annotations': boxes}
        truth.createIndex()
        found = truth.loadRes(detections)  # which writes into what it gets
        evaluation = COCOeval(truth, found, 'bbox')
        evaluation.params.catIds = list(class_ids)
        evaluation.params.imgIds = [image['id'] for image in annotations['images']]
        evaluation.params.maxDets = [1, 10, max_detections]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = np.asarray(evaluation.eval['precision'], dtype=np.float64)[..., -1]
    precision = precision.reshape(len(IOU_THRESHOLDS), -1, len(class_ids), len(AREAS))
    return CocoResult(np.where(precision > -1, precision, np.nan).mean(axis=1))


def _numbered(
    annotations: dict, detections: Sequence[dict], class_ids: Sequence[Any]
) -> tuple[dict, list[dict], list[int]]:
    """The same with image and category ids counted from 1: ids may be texts, which not all of both libraries takes.

    Boxes of other categories are left out, as both libraries do, and true boxes of images that are not listed.

    Raises:
        ValueError: Detections of such images.
    """
    images = {image['id']: number for number, image in enumerate(annotations['images'], start=1)}
    names = {key: number for number, key in enumerate(class_ids, start=1)}

    if strange := {box['image_id'] for box in detections} - images.keys():
        raise InputError(
            f'detections of {len(strange)} images that the annotation file does not have, such as '
            f'{next(iter(strange))!r}: name the file of the images that were looked at'
        )

    def moved(boxes: Sequence[dict]) -> list[dict]:
        return [
            {**box, 'image_id': images[box['image_id']], 'category_id': names[box['category_id']]}
            for box in boxes
            if box['image_id'] in images and box['category_id'] in names
        ]

    numbered = dict(
        images=[{**image, 'id': images[image['id']]} for image in annotations['images']],
        annotations=moved(annotations['annotations']),
        categories=[dict(id=number, name=str(key)) for key, number in names.items()],
    )
    return numbered, moved(detections), list(names.values())


def empty_precision(annotations: dict, class_ids: Sequence[int]) -> np.ndarray:
    """Precision without any detection: 0 for classes with boxes, NaN for the others; shape (T, M, 4)."""
    counts = box_counts(annotations, class_ids)
    row = np.where(np.asarray(counts) > 0, 0.0, np.nan)
    return np.broadcast_to(row[None, :, None], (len(IOU_THRESHOLDS), len(row), len(AREAS))).copy()


def box_counts(annotations: dict, class_ids: Sequence[int]) -> list[int]:
    """True boxes of each class, those to ignore left out."""
    counts = Counter(
        box['category_id'] for box in annotations['annotations'] if not box.get('iscrowd', 0)
    )
    return [counts[class_id] for class_id in class_ids]


def category_ids(annotations: dict, classes: Sequence[str]) -> list[int]:
    """Category id of each class name in a COCO data set.

    Raises:
        ValueError: If the data set lacks a class.
    """
    ids = {category['name']: category['id'] for category in annotations['categories']}
    missing = [name for name in classes if name not in ids]
    if missing:
        raise InputError(
            f'classes {missing} are not among the categories of the annotation file, {sorted(ids)}; '
            'correct `classes` in the config or the file'
        )
    return [ids[name] for name in classes]


def rarest(counts: Sequence[int], number: int) -> list[int]:
    """Indices of the ``number`` classes with the fewest boxes, rarest first (Table 4 of the paper takes 10)."""
    return sorted(range(len(counts)), key=lambda index: (counts[index], index))[:number]


@METRICS.register_module()
class CocoBoxMetric(CocoMetric):
    """mmdet's COCO metric for boxes with the fast evaluation and the AP of rare classes.

    Args:
        train_ann_file: COCO json by which rare classes are chosen, that of the labeled images: those with the fewest
            boxes in it, without those with ``iscrowd``.
        num_rare: How many; 0 reports none. Beside their AP stands that of all others, the frequent classes.
        log_classes: Write a table with AP of each class to the log.
        kwargs: As :class:`mmdet.evaluation.CocoMetric`, which does the work itself, and without rare classes, when
            other metrics, thresholds, items or a file of results are asked for.

    Raises:
        ValueError: If ``num_rare`` is given without ``train_ann_file``.
    """

    def __init__(
        self, train_ann_file: str = '', num_rare: int = 0, log_classes: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if num_rare and not train_ann_file:
            raise InputError(
                f'num_rare={num_rare} needs train_ann_file, the json to count boxes in'
            )
        if self._coco_api is not None:  # for mmdet's own evaluation
            dataset = self._coco_api.dataset
            # A json of images alone is enough where predictions are only written (format_only).
            dataset['annotations'] = whole_annotations(dataset.get('annotations') or ())
            with contextlib.redirect_stdout(io.StringIO()):
                self._coco_api.createIndex()
        self.train_ann_file = train_ann_file
        self.num_rare = num_rare
        self.log_classes = log_classes

    def compute_metrics(self, results: list) -> dict[str, float]:
        """``bbox_mAP``, ``_50``, ``_75``, ``_s``, ``_m``, ``_l``; if asked for, ``_rare`` and ``_frequent``; in [0, 1].

        Args:
            results: Ground truth and prediction of each image, as mmdet's ``process`` collects them.
        """
        if self._coco_api is None or self.format_only or self.wants_more_than_boxes():
            return super().compute_metrics(results)
        annotations = self._coco_api.dataset
        classes = self.dataset_meta['classes']
        class_ids = category_ids(annotations, classes)
        result = evaluate_boxes(annotations, self.to_detections(results, class_ids), class_ids)
        metrics = {
            'bbox_mAP': result.ap(),
            'bbox_mAP_50': result.ap(iou=0.5),
            'bbox_mAP_75': result.ap(iou=0.75),
            'bbox_mAP_s': result.ap(area='small'),
            'bbox_mAP_m': result.ap(area='medium'),
            'bbox_mAP_l': result.ap(area='large'),
        }
        if self.num_rare:
            rare = self.rare_classes()
            frequent = [index for index in range(len(classes)) if index not in rare]
            metrics['bbox_mAP_rare'] = result.ap(classes=rare)
            metrics['bbox_mAP_frequent'] = result.ap(classes=frequent)
        if self.classwise:
            metrics.update(
                {f'{n}_precision': ap for n, ap in zip(classes, result.per_class, strict=True)}
            )
        if self.log_classes:
            rows = [
                [name, f'{100 * ap:.1f}']
                for name, ap in zip(classes, result.per_class, strict=True)
            ]
            table = AsciiTable([['class', 'AP'], *rows]).table
            MMLogger.get_current_instance().info('\n' + table)
        return metrics

    def wants_more_than_boxes(self) -> bool:
        """Whether an option was given that mmdet's own evaluation alone knows: it then does the work."""
        usual = np.array_equal(self.iou_thrs, IOU_THRESHOLDS) and self.metric_items is None
        return self.metrics != ['bbox'] or self.outfile_prefix is not None or not usual

    def rare_classes(self) -> list[int]:
        """Indices of the rarest classes of ``train_ann_file``."""
        annotations = read_json(self.train_ann_file)
        counts = box_counts(annotations, category_ids(annotations, self.dataset_meta['classes']))
        return rarest(counts, self.num_rare)

    def to_detections(self, results: list, class_ids: Sequence[int]) -> list[dict]:
        """Predictions in COCO's result format."""
        detections = []
        for _, result in results:
            boxes = self.xyxy2xywh_all(result['bboxes'])
            for box, score, label in zip(boxes, result['scores'], result['labels'], strict=True):
                detections.append(
                    dict(
                        image_id=result['img_id'],
                        category_id=class_ids[int(label)],
                        bbox=box,
                        score=float(score),
                    )
                )
        return detections

    @staticmethod
    def xyxy2xywh_all(boxes: np.ndarray) -> list[list[float]]:
        """Boxes ``x1 y1 x2 y2`` as ``x y w h``; shape (N, 4)."""
        return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).tolist()
