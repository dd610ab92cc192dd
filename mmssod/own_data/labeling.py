"""Writes a detector's pseudo labels as files that other trainers read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.registry import DATASETS
from mmengine.registry import init_default_scope

from mmssod.apis.config import ConfigLike, load_config
from mmssod.datasets.formats import write_labels
from mmssod.datasets.image_lists import source_kind
from mmssod.datasets.split import Coco
from mmssod.environment.errors import InputError
from mmssod.evaluation.detections import certainties
from mmssod.evaluation.pseudo_quality import CERTAINTIES, certainty
from mmssod.own_data.inferring import Frame, frames, infer, relative_names
from mmssod.own_data.merging import merge_labels
from mmssod.own_data.score_thresholds import Thresholds
from mmssod.own_data.selection import selection

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
    threshold: Thresholds | None = None,
    scores: bool = False,
    merge: bool = False,
    device: str | None = None,
    tile: int | None = None,
    overlap: float = 0.2,
) -> Coco:
    """Label images and write what is certain enough.

    Args:
        config: The run's config.
        checkpoint: Checkpoint of the run.
        out: File or folder, as of :func:`~mmssod.datasets.formats.write_labels`.
        images: Folders, globs, lists, jsons or files; by default the unlabeled images of the config.
        kind: A format that is written.
        part: Which detector, see :func:`~mmssod.apis.plain.plain_detector`.
        certainty_name: What is compared with the threshold: ``'p'``, ``'v'``, ``'p*v'`` or ``'p_and_v'``; by default
            as :func:`~mmssod.own_data.selection.selection`.
        threshold: Boxes above it are written; by default those by class that the run ended with, as ``selection``. A
            file of thresholds by class, which ``mmssod report`` writes, is compared with the score.
        scores: Also write scores into YOLO's lines.
        merge: Write human labels, too, with a split; ``out`` is a folder, ``kind`` is not looked at, and the labels to
            train on are returned. See :func:`~mmssod.own_data.merging.merge_labels`.
        device: By default a GPU if there is one.
        tile: Tile size for large images, see :class:`~mmssod.own_data.detector.Detector`.
        overlap: Overlap of tiles, likewise.

    Returns:
        What was written.

    Raises:
        ValueError: Neither images nor a config with unlabeled ones; an unknown certainty; a threshold outside [0, 1).
    """
    cfg = load_config(config)
    if certainty_name not in (None, *CERTAINTIES):
        raise InputError(f'certainty: expected one of {CERTAINTIES}, got {certainty_name!r}')
    number = threshold if isinstance(threshold, (int, float)) else None
    by_score = None if threshold is number else threshold
    if by_score is not None and certainty_name is not None:
        raise InputError(
            'certainty: expected none beside thresholds by class, which are compared with the score, got '
            f'{certainty_name!r}'
        )
    if number is not None and not 0 <= number < 1:
        raise InputError(f'threshold: expected a number in [0, 1), got {number}')
    looked_at = frames(images) if images else _unlabeled(cfg)
    if merge and not isinstance(looked_at, list):
        raise InputError('images: expected files to merge labels of, got a video')
    least = FLOOR if by_score is None else by_score
    options: dict[str, Any] = dict(
        part=part, score_thr=least, device=device, tile=tile, overlap=overlap
    )
    found = infer(cfg, checkpoint, looked_at, **options)
    if by_score is None:
        usual, limits = selection(cfg, checkpoint, len(found['categories']))
        limits = limits if number is None else [float(number)] * len(limits)
        found = select(found, certainty_name or usual, limits)
    if merge:
        return merge_labels(cfg, found, list(looked_at), Path(out))['train']
    write_labels(found, Path(out), kind, scores=scores)
    return found


def select(coco: Coco, name: str, thresholds: Sequence[float]) -> Coco:
    """A data set of scored boxes with those whose certainty lies above the threshold of their category."""
    boxes = coco['annotations']
    if not boxes:
        return coco
    by_id = {c['id']: limit for c, limit in zip(coco['categories'], thresholds, strict=True)}
    limits = np.array([by_id[box['category_id']] for box in boxes])
    keep = np.flatnonzero(certainty(*certainties(boxes), name) > limits)
    return {**coco, 'annotations': [boxes[index] for index in keep]}


def _unlabeled(cfg: Any) -> list[Frame]:
    """The unlabeled images of a config."""
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    source = cfg.train_dataloader.dataset.get('unlabeled')
    if source is None:
        raise InputError(
            'images: expected --images, or a config with unlabeled images in '
            'train_dataloader.dataset.unlabeled; found neither'
        )
    dataset = DATASETS.build({**source, 'pipeline': []})
    records = [dataset.get_data_info(index) for index in range(len(dataset))]
    paths = [record['img_path'] for record in records]
    json = source_kind(str(source.get('images'))) == 'COCO json'
    ids = [record['img_id'] if json else None for record in records]
    return [Frame(*one) for one in zip(relative_names(paths), paths, ids, strict=True)]
