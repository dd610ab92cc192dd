"""Pseudo labels of a detector as files that other trainers read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from mmdet.registry import DATASETS
from mmengine.registry import init_default_scope

from mmssod.apis.config import ConfigLike, load_config
from mmssod.apis.inferring import Frame, frames, infer, relative_names
from mmssod.datasets.preparation.writing import write_labels
from mmssod.datasets.split import Coco
from mmssod.evaluation.detections import certainties
from mmssod.evaluation.pseudo_quality import CERTAINTIES, certainty

THRESHOLD = 0.5  # where the config names none
FLOOR = 0.05  # boxes of a lower score are not looked at


def label(
    config: ConfigLike,
    checkpoint: str,
    out: str,
    *,
    images: list[str] | None = None,
    kind: str = 'coco',
    part: str = 'auto',
    certainty_name: str | None = None,
    threshold: float | None = None,
    scores: bool = False,
    device: str | None = None,
) -> Coco:
    """Label images and write what is certain enough.

    Args:
        config: The run's config.
        checkpoint: Of the run.
        out: For ``coco`` a json, else a folder.
        images: Folders, globs, lists, jsons or files; by default the unlabeled images of the config.
        kind: ``'coco'``, ``'yolo'`` or ``'voc'``.
        part: Which detector, see :func:`~mmssod.apis.plain.plain_detector`.
        certainty_name: What is compared with the threshold: ``'p'``, ``'v'``, ``'p*v'`` or ``'p_and_v'``; by default
            that of the config's selector, else ``'p*v'``.
        threshold: Boxes above it are written; by default that of the config's balancer, else 0.5.
        scores: Also write scores into YOLO's lines.
        device: By default a GPU if there is one.

    Returns:
        What was written.

    Raises:
        ValueError: Neither images nor a config with unlabeled ones; an unknown certainty; a threshold outside [0, 1).
    """
    cfg = load_config(config)
    usual = cfg.model.get('selector', {}).get('certainty', 'p*v')
    name = usual if certainty_name is None else certainty_name
    if threshold is None:
        threshold = float(cfg.model.get('balancer', {}).get('threshold', THRESHOLD))
    if name not in CERTAINTIES:
        raise ValueError(f'certainty: expected one of {CERTAINTIES}, got {name!r}')
    if not 0 <= threshold < 1:
        raise ValueError(f'threshold: expected a number in [0, 1), got {threshold}')
    looked_at = frames(images) if images else _unlabeled(cfg)
    found = infer(cfg, checkpoint, looked_at, part=part, score_thr=FLOOR, device=device)
    chosen = select(found, name, threshold)
    write_labels(chosen, Path(out), kind, scores=scores)
    return chosen


def select(coco: Coco, name: str, threshold: float) -> Coco:
    """A data set of scored boxes with those whose certainty lies above a threshold."""
    boxes = coco['annotations']
    if not boxes:
        return coco
    keep = np.flatnonzero(certainty(*certainties(boxes), name) > threshold)
    return {**coco, 'annotations': [boxes[index] for index in keep]}


def _unlabeled(cfg: Any) -> list[Frame]:
    """The unlabeled images of a config."""
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    source = cfg.train_dataloader.dataset.get('unlabeled')
    if source is None:
        raise ValueError(
            'images: expected --images, or a config with unlabeled images in '
            'train_dataloader.dataset.unlabeled; found neither'
        )
    dataset = DATASETS.build({**source, 'pipeline': []})
    records = [dataset.get_data_info(index) for index in range(len(dataset))]
    paths = [record['img_path'] for record in records]
    return [Frame(*pair) for pair in zip(relative_names(paths), paths, strict=True)]
