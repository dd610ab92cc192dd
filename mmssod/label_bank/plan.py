"""Derives images, view and teacher of a bank from a student's config."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.registry import DATASETS, MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from torch import nn
from torch.utils.data import Dataset

from mmssod.datasets.image_files import UnreadableImageError
from mmssod.engine.preflight import labeled_classes
from mmssod.environment.errors import InputError
from mmssod.label_bank.checks import labeled_view
from mmssod.label_bank.layout import Header, image_key, order_of
from mmssod.label_bank.views import ViewLabeler
from mmssod.models.checkpoint_parts import detector_digest, teacher_digest, teacher_weights

FLOOR = 0.1
MAX_SHARD = 65536  # images: some 100 MB of boxes
SHARDS_A_PROCESS = 4  # so that another number of processes can go on with what is left


@dataclass(frozen=True)
class BankPlan:
    """Images, view and teacher of a bank; iterating over it gives id and path of each image."""

    cfg: Config  # the student's
    folder: Path
    header: Header  # without shards
    dataset: (
        Any  # unlabeled images in the view that is labeled; none stands in for an unreadable one
    )
    other_sizes: bool  # whether training shows the teacher other sizes, too

    def image(self, index: int) -> tuple[int | str, str]:
        """Id and path of an image by its place."""
        record = self.dataset.get_data_info(index)
        return record['img_id'], record['img_path']

    def __iter__(self) -> Iterator[tuple[int | str, str]]:
        return map(self.image, range(self.header.images))

    def require_own_ids(self) -> None:
        """Read the ids of all images; one that two have is a BankError."""
        keys = (image_key(img_id) for img_id, _ in self)
        order_of(np.fromiter(keys, np.int64, self.header.images))

    @property
    def max_unreadable(self) -> float:
        """Maximum number of unreadable images: as many as training would skip."""
        hook = (self.cfg.get('default_hooks') or {}).get('skipped_images')
        return max(1, (hook.get('limit', 0.05) if hook else 1) * self.header.images)

    def labeler(self, device: torch.device) -> ViewLabeler:
        """The teacher, ready; weights that its checkpoint lacks are a ValueError."""
        teacher: nn.Module = MODELS.build(deepcopy(teacher_config(self.cfg)))
        weights = teacher_weights(self.header.checkpoint)
        own = {name: value.shape for name, value in teacher.state_dict().items()}
        missing = [n for n, shape in own.items() if n not in weights or weights[n].shape != shape]
        if missing:
            raise InputError(
                f'{self.header.checkpoint} is not of this teacher: it lacks {len(missing)} of its {len(own)} weights, '
                f'such as {missing[0]} of shape {tuple(own[missing[0]])}; give the config of its student'
            )
        teacher.load_state_dict(weights, strict=False)
        teacher.requires_grad_(False).eval()
        owner = self.cfg.model.get('data_preprocessor') or self.cfg.model.detector
        preprocessor = MODELS.build(owner['data_preprocessor'])  # makes batches in training
        return ViewLabeler(teacher, preprocessor, self.header.mirrored, self.header.floor, device)


class OwnImages(Dataset):
    """The images of a data set, each in its own place even if it cannot be read."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset  # which puts no other image in the place of an unreadable one

    def __getitem__(self, place: int) -> dict[str, Any]:
        """``inputs`` and ``data_samples``; of an unreadable image no inputs, a shape of 0 x 0, and the ``fault``."""
        try:
            sample: dict[str, Any] = self.dataset[place]
            return sample
        except UnreadableImageError as error:
            record = self.dataset.get_data_info(place)
            meta = dict(
                img_id=record['img_id'],
                img_path=record['img_path'],
                ori_shape=(record.get('height', 0), record.get('width', 0)),
                img_shape=(0, 0),
                fault=str(error.__cause__ or error),
            )
            return dict(inputs=None, data_samples=DetDataSample(metainfo=meta))


def plan_bank(
    cfg: Config, checkpoint: str, *, out: str | None, floor: float, processes: int
) -> BankPlan:
    """Read what a bank depends on.

    Args:
        cfg: Config of a student with a frozen teacher or a bank.
        checkpoint: Checkpoint of the teacher.
        out: Folder of the bank; else the config's ``model.labeler.path``.
        floor: Minimum p of a box, in [0, 1).
        processes: How many label.

    Raises:
        ValueError: The config is not a student's, its weak view cannot be labeled beforehand, or there is no folder.
    """
    folder = out or (cfg.model.get('labeler') or {}).get('path')
    if not folder:
        raise InputError(
            'no folder for the bank: expected --out, or a config whose model.labeler has a path (LabelBank), got '
            'neither'
        )
    if not 0 <= floor < 1:
        raise InputError(f'floor: expected a number in [0, 1), got {floor}')
    unlabeled = cfg.get('train_dataloader', {}).get('dataset', {}).get('unlabeled')
    if unlabeled is None or 'labeler' not in cfg.model:
        raise InputError(
            f'{cfg.filename}: expected the config of a student, with train_dataloader.dataset.unlabeled and '
            f'model.labeler, got a model of type {cfg.model.get("type")}'
        )
    view = labeled_view(cfg)
    pack = dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape'))
    pipeline = [*view.steps, pack]
    dataset = DATASETS.build(
        {**unlabeled, 'pipeline': pipeline, 'test_mode': True, 'max_refetch': 0}
    )
    header = Header(
        checkpoint=checkpoint,
        teacher=teacher_digest(checkpoint),
        detector=detector_digest(teacher_config(cfg)),
        config=str(cfg.filename),
        classes=labeled_classes(cfg),
        floor=floor,
        view=view.as_json(),
        mirrored=view.flips,
        images=len(dataset),
        shard_size=min(MAX_SHARD, -(-len(dataset) // (SHARDS_A_PROCESS * processes))),
    )
    return BankPlan(cfg, Path(folder), header, dataset, view.other_sizes)


def teacher_config(cfg: Config) -> Any:
    """Config of the detector that labels: the labeler's own, else the student's."""
    return cfg.model.labeler.get('detector') or cfg.model.detector
