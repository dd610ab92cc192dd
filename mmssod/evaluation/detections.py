"""Detections as plain data: COCO results with p and v, and several detectors on the same images.

A detection is a dict: ``image_id``, ``category_id``, ``bbox`` (``x y w h`` in pixels of the original image), ``score``,
and, where the detector gives them, ``cls_certainty`` (p) and ``loc_certainty`` (v). Other tools read the same file and
ignore the last two. ``N`` boxes of one image.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric

from mmssod.datasets.annotation_files import read_json
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole
from mmssod.evaluation.coco import category_ids


@dataclass(frozen=True)
class DetectorOutputs:
    """Detections of several detectors on one set of images, with the true boxes.

    Args:
        annotations: COCO data set with the true boxes.
        classes: Names of the classes, in the order of tables and plots.
        found: Detections of each detector by its label.
        images: Folder that the data set's file names are relative to; '' if unknown.

    Raises:
        ValueError: For a class that the data set lacks, and for detections of images or categories that it lacks.
    """

    annotations: dict
    classes: tuple[str, ...]
    found: dict[str, list[dict]]
    images: str = ''

    def __post_init__(self) -> None:
        category_ids(self.annotations, self.classes)
        for label, detections in self.found.items():
            for key, records in (('image_id', 'images'), ('category_id', 'categories')):
                known = {record['id'] for record in self.annotations[records]}
                strange = sorted({box[key] for box in detections} - known)
                if strange:
                    raise InputError(
                        f'{label}: {len(strange)} values of {key} are not among the {len(known)} {records} of the '
                        f'annotation file, the first is {strange[0]!r}; give the file that was predicted on'
                    )

    @property
    def class_ids(self) -> list[int]:
        """Category ids in the order of classes."""
        return category_ids(self.annotations, self.classes)

    def by_image(self, label: str) -> dict[int, list[dict]]:
        """Detections of one detector by image id; each image is there."""
        groups = defaultdict(list)
        for box in self.found[label]:
            groups[box['image_id']].append(box)
        return {image['id']: groups[image['id']] for image in self.annotations['images']}


def corners(boxes: Sequence[dict]) -> np.ndarray:
    """Boxes ``x1 y1 x2 y2`` of detections or annotations; shape (N, 4), float32."""
    array = np.array([box['bbox'] for box in boxes], dtype=np.float32).reshape(-1, 4)
    array[:, 2:] += array[:, :2]
    return array


def certainties(boxes: Sequence[dict]) -> tuple[np.ndarray, np.ndarray]:
    """Certainties p and v of detections, shape (N,) each; the score and 1 where a detector gives none."""
    p = [box.get('cls_certainty', box['score']) for box in boxes]
    v = [box.get('loc_certainty', 1.0) for box in boxes]
    return np.array(p, dtype=float), np.array(v, dtype=float)


def as_arrays(instances: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Boxes (N, 4), labels, p and v (N,) of ``pred_instances``; the score and 1 where a detector gives none."""
    scores = instances['scores'].cpu().numpy()
    p, v = (
        instances[name].cpu().numpy() if name in instances else default
        for name, default in (('cls_certainty', scores), ('loc_certainty', np.ones_like(scores)))
    )
    return instances['bboxes'].cpu().numpy(), instances['labels'].cpu().numpy(), p, v


@METRICS.register_module()
class DetectionWriter(BaseMetric):
    """Writes all predictions to a file instead of judging them.

    Args:
        ann_file: COCO json of the images; it says which category id a class has.
        out_file: json to write.
        kwargs: As :class:`mmengine.evaluator.BaseMetric`.
    """

    default_prefix = 'detections'

    def __init__(self, ann_file: str, out_file: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.annotations = read_json(ann_file)
        self.out_file = out_file

    def process(self, data_batch: Any, data_samples: Any) -> None:
        """Keep the predictions of one batch."""
        ids = category_ids(self.annotations, self.dataset_meta['classes'])
        for sample in data_samples:
            self.results.append(to_detections(sample, ids))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Write the file.

        Args:
            results: Detections of each image.

        Returns:
            The number of ``boxes``.
        """
        detections = [box for image in results for box in image]
        write_whole(self.out_file, json.dumps(detections))
        return {'boxes': float(len(detections))}


def to_detections(sample: dict, class_ids: Sequence[int]) -> list[dict]:
    """Predictions of one sample as detections."""
    found = sample['pred_instances']
    boxes, labels, p, v = as_arrays(found)
    sizes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    certain = 'cls_certainty' in found
    return [
        dict(
            image_id=sample['img_id'],
            category_id=class_ids[int(label)],
            bbox=box,
            score=float(score),
            **(dict(cls_certainty=float(pi), loc_certainty=float(vi)) if certain else {}),
        )
        for box, score, label, pi, vi in zip(
            sizes.tolist(), found['scores'].cpu().numpy(), labels, p, v, strict=True
        )
    ]
