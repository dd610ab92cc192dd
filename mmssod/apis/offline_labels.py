"""Labels that are made before a training and read by an ordinary data set: COCO json whose boxes carry their score."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmdet.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader
from torch import Tensor

from mmssod.apis.config import ConfigLike, load_config
from mmssod.apis.predicting import test_classes
from mmssod.datasets.annotation_files import as_trained, read_json, whole_categories
from mmssod.datasets.aspect import header_size
from mmssod.evaluation.coco import category_ids
from mmssod.models.pseudo.memory import BOX, CLASS, IMAGE, P, V
from mmssod.structures.image_ids import id_number

MEMORY_SCORE = 0.7  # least p*v of a remembered box that the final detector learns: the threshold of the training


def unlabeled_images(unlabeled: dict[str, Any], categories: Sequence[dict]) -> dict[str, Any]:
    """A COCO data set of images without annotations.

    File names are as the data set has them: they are read with an empty ``data_root`` and image prefix, from the same
    working folder.

    Args:
        unlabeled: Config of an ``UnlabeledDataset``.
        categories: Those of the labeled set.

    Raises:
        ValueError: The size of an image is not known.
    """
    dataset = DATASETS.build({**unlabeled, 'pipeline': []})
    records = [dataset.get_data_info(index) for index in range(len(dataset))]
    return dict(
        images=[_image(record) for record in records],
        annotations=[],
        categories=whole_categories(categories),
    )


def with_annotations(images: dict[str, Any], detections: Sequence[dict]) -> dict[str, Any]:
    """A COCO data set with detections as its annotations, each with its ``score``.

    Args:
        images: COCO data set of images.
        detections: COCO's result format, see :mod:`mmssod.evaluation.detections`.
    """
    annotations = [
        dict(
            id=number,
            image_id=box['image_id'],
            category_id=box['category_id'],
            bbox=box['bbox'],
            area=box['bbox'][2] * box['bbox'][3],
            iscrowd=0,
            score=box['score'],
        )
        for number, box in enumerate(detections, start=1)  # pycocotools takes box 0 for none
    ]
    return {**images, 'annotations': annotations}


def export_memory(
    config: ConfigLike, checkpoint: str, *, score_thr: float = MEMORY_SCORE
) -> dict[str, Any]:
    """What the memory of a run (ISMT) holds of the unlabeled images, as a COCO data set.

    Both heads' boxes are pooled, and the memory's non-maximum suppression by class leaves the best of an object.

    Args:
        config: The run's config; its unlabeled images are those of the data set.
        checkpoint: Of the run.
        score_thr: Least p*v of a box, beside the memory's own.

    Raises:
        ValueError: The checkpoint has no memory.
    """
    cfg = load_config(config)
    state = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')['state_dict']
    if 'merger.rows' not in state:
        raise ValueError(
            f'{checkpoint} has no memory of pseudo labels: expected a run whose model.merger is a PseudoLabelMemory'
        )
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    truth = labeled_annotations(cfg)
    ids = category_ids(truth, test_classes(cfg))
    pooled = MODELS.build(cfg.model.merger).pooled(state['merger.rows'])
    found = [box for box in memory_detections(pooled, ids) if box['score'] >= score_thr]
    images = unlabeled_images(cfg.train_dataloader.dataset.unlabeled, truth['categories'])
    known = {id_number(image['id']): image['id'] for image in images['images']}
    there = [{**b, 'image_id': known[b['image_id']]} for b in found if b['image_id'] in known]
    if len(there) < len(found):
        print_log(
            f'{len(found) - len(there)} remembered boxes are of images that are not there any more; they are left out',
            'current',
            logging.WARNING,
        )
    return with_annotations(images, there)


def memory_detections(rows: Tensor, class_ids: Sequence[int]) -> list[dict]:
    """Remembered boxes in COCO's result format; ``class_ids`` has the category id of each class."""
    found = []
    for row in rows.tolist():
        x1, y1, x2, y2 = row[BOX]
        found.append(
            dict(
                image_id=int(row[IMAGE]),
                category_id=class_ids[int(row[CLASS])],
                bbox=[x1, y1, x2 - x1, y2 - y1],
                score=row[P] * row[V],
            )
        )
    return found


def labeled_annotations(cfg: Config) -> dict[str, Any]:
    """The labeled set of a config, its boxes as they are trained (see ``LabeledDataset``)."""
    labeled = cfg.train_dataloader.dataset.labeled
    content: dict[str, Any] = read_json(Path(labeled.get('data_root') or '') / labeled.ann_file)
    boxes = as_trained(content['annotations'], labeled.get('iscrowd', 'ignored'))
    return {**content, 'annotations': boxes}


def _image(record: dict[str, Any]) -> dict[str, Any]:
    width, height = record.get('width'), record.get('height')
    if width is None or height is None:
        width, height = header_size(record['img_path'])
        if math.isnan(width):
            raise ValueError(
                f'{record["img_path"]}: expected an image whose header tells its size, found none; repair the file, or '
                'leave it out of the unlabeled images (`exclude`)'
            )
    return dict(
        id=record['img_id'], file_name=record['img_path'], width=int(width), height=int(height)
    )
