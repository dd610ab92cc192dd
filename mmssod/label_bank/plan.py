"""From a student's config to what its bank is made of: images, view, teacher."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import Tensor, nn

from mmssod.apis.offline_labels import labeled_annotations
from mmssod.datasets.fixed_view import fixed_view
from mmssod.engine.preflight import labeled_classes
from mmssod.environment.errors import InputError
from mmssod.evaluation.coco import category_ids
from mmssod.label_bank import Header, image_key
from mmssod.label_bank.finish import order_of
from mmssod.models.checkpoint_parts import detector_digest, teacher_digest, teacher_weights

FLOOR = 0.1
MAX_SHARD = 65536  # images: some 100 MB of boxes
SHARDS_A_PROCESS = 4  # so that another number of processes can go on with what is left


@dataclass(frozen=True)
class BankPlan:
    """What a bank is made of.

    Args:
        cfg: The student's config.
        folder: Of the bank.
        header: Of the bank, without shards.
        dataset: The unlabeled images in the view that is labeled; none stands in for one that cannot be read.
        other_sizes: Whether training shows the teacher other sizes, too.
    """

    cfg: Config
    folder: Path
    header: Header
    dataset: Any
    other_sizes: bool

    def image(self, index: int) -> tuple[int | str, str]:
        """Id and path of an image by its place."""
        record = self.dataset.get_data_info(index)
        return record['img_id'], record['img_path']

    def require_own_ids(self) -> None:
        """Read the ids of all images.

        Raises:
            BankError: Two images have the same.
        """
        keys = (image_key(img_id) for img_id, _ in ImageNames(self))
        order_of(np.fromiter(keys, np.int64, self.header.images))

    @property
    def max_unreadable(self) -> float:
        """How many images may be unreadable: as many as training would skip."""
        hook = (self.cfg.get('default_hooks') or {}).get('skipped_images')
        return max(1, (hook.get('limit', 0.05) if hook else 1) * self.header.images)

    def categories(self) -> tuple[list[dict], list[int]]:
        """The labeled set's categories, and which of them each class is."""
        annotations = labeled_annotations(self.cfg)
        return annotations['categories'], category_ids(annotations, self.header.classes)

    def teacher(self) -> nn.Module:
        """The teacher with its weights, in eval mode.

        Raises:
            ValueError: The checkpoint lacks some of its weights, or has them in another shape.
        """
        teacher: nn.Module = MODELS.build(deepcopy(teacher_config(self.cfg)))
        weights = teacher_weights(self.header.checkpoint)
        own = teacher.state_dict()
        missing = [name for name, value in own.items() if not fits(value, weights.get(name))]
        if missing:
            raise InputError(
                f'{self.header.checkpoint} is not of this teacher: it lacks {len(missing)} of its {len(own)} weights, '
                f'such as {missing[0]} of shape {tuple(own[missing[0]].shape)}; give the config of its student'
            )
        teacher.load_state_dict(weights, strict=False)
        return teacher.requires_grad_(False).eval()

    def preprocessor(self) -> BaseModel:
        """What makes batches of images in training."""
        branches = self.cfg.model.get('data_preprocessor')
        config = (
            branches['data_preprocessor'] if branches else self.cfg.model.detector.data_preprocessor
        )
        return MODELS.build(config)


class ImageNames:
    """Id and path of each image, as often as they are asked for."""

    def __init__(self, plan: BankPlan) -> None:
        self.plan = plan

    def __iter__(self) -> Iterator[tuple[int | str, str]]:
        return map(self.plan.image, range(self.plan.header.images))


def plan_bank(
    cfg: Config, checkpoint: str, *, out: str | None, floor: float, processes: int
) -> BankPlan:
    """Read what a bank depends on.

    Args:
        cfg: Of a student with a frozen teacher or a bank.
        checkpoint: Of the teacher.
        out: Folder of the bank; else the config's ``model.labeler.path``.
        floor: Least p of a box, in [0, 1).
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
    test = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    view = fixed_view(unlabeled.pipeline, test.get('pipeline') or [])
    pack = dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape'))
    dataset = DATASETS.build(
        {**unlabeled, 'pipeline': [*view.steps, pack], 'test_mode': True, 'max_refetch': 0}
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


def fits(wanted: Tensor, found: Tensor | None) -> bool:
    """Whether a stored weight can be loaded."""
    return found is not None and found.shape == wanted.shape


def teacher_config(cfg: Config) -> Any:
    """Config of the detector that labels: the labeler's own, else the student's."""
    return cfg.model.labeler.get('detector') or cfg.model.detector
