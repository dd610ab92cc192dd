"""Pseudo labels made before a training, as COCO json with scores that an ordinary data set reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmdet.registry import DATASETS
from mmengine.config import Config

from mmssod.datasets.annotation_files import as_trained, read_json, whole_categories
from mmssod.datasets.aspect import header_size
from mmssod.environment.errors import InputError


def unlabeled_images(unlabeled: dict[str, Any], categories: Sequence[dict]) -> dict[str, Any]:
    """A COCO data set of images without annotations.

    File names are as the data set has them: they are read with an empty ``data_root`` and image prefix, from the same
    working folder.

    Args:
        unlabeled: Config of an ``UnlabeledDataset``.
        categories: Categories of the labeled set.

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
            raise InputError(
                f'{record["img_path"]}: expected an image whose header tells its size, found none; repair the file, or '
                'leave it out of the unlabeled images (`exclude`)'
            )
    return dict(
        id=record['img_id'], file_name=record['img_path'], width=int(width), height=int(height)
    )
