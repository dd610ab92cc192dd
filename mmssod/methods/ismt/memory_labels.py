"""Writes the labels in a run's memory as a data set, on which the final detector is trained."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from mmdet.registry import MODELS
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader
from torch import Tensor

from mmssod.apis.config import ConfigLike, load_config
from mmssod.apis.offline_labels import labeled_annotations, unlabeled_images, with_annotations
from mmssod.apis.predicting import test_classes
from mmssod.environment.errors import InputError
from mmssod.evaluation.coco import category_ids
from mmssod.methods.ismt.memory import BOX, CLASS, IMAGE, P, V
from mmssod.structures.image_ids import id_number

MEMORY_SCORE = 0.7  # least p*v of a remembered box that the final detector learns: the threshold of the training


def memory_labels(
    config: ConfigLike, checkpoint: str, *, score_thr: float = MEMORY_SCORE
) -> dict[str, Any]:
    """What the memory of a run (ISMT) holds of the unlabeled images, as a COCO data set.

    Both heads' boxes are pooled, and the memory's non-maximum suppression by class leaves the best of an object.

    Args:
        config: The run's config; its unlabeled images are those of the data set.
        checkpoint: Checkpoint of the run.
        score_thr: Minimum p*v of a box, beside the memory's own.

    Raises:
        ValueError: The checkpoint has no memory.
    """
    cfg = load_config(config)
    state = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')['state_dict']
    if 'merger.rows' not in state:
        raise InputError(
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
