"""A labeled data set with a config option for the role of ``iscrowd`` boxes in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmdet.datasets import CocoDataset
from mmdet.registry import DATASETS

from mmssod.datasets.annotation_files import as_trained
from mmssod.datasets.image_cache import with_cache
from mmssod.datasets.transforms.steps import Pipeline, as_list


@DATASETS.register_module()
class LabeledDataset(CocoDataset):
    """mmdet's ``CocoDataset`` for a set to train on; a set to evaluate on stays a ``CocoDataset``.

    In COCO's json ``iscrowd`` marks two things: crowds of COCO, and difficult objects of VOC
    (``tools/dataset/voc_to_coco.py``).

    Args:
        iscrowd: What such a box is in training. ``'object'``: an object like all others, as VOC's difficult ones in
            Detectron2. ``'ignored'``: what lies on it is neither foreground nor background; needs a detector whose
            assigners are all ``BestBoxAssigner`` with ``ignore_iof_thr`` above 0, and no mixed images.
            ``'background'``: nothing, so what lies on it is background, as COCO's crowds in Detectron2.
        pipeline: Transforms, a list or a dict of named steps.
        cache: As of :class:`~mmssod.datasets.unlabeled.UnlabeledDataset`.
        kwargs: As mmdet's ``CocoDataset``.

    Raises:
        ValueError: ``iscrowd`` is none of these.
    """

    def __init__(
        self,
        *args: Any,
        iscrowd: str = 'background',
        pipeline: Pipeline = (),
        cache: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.require_values(iscrowd)
        self.iscrowd = iscrowd
        super().__init__(*args, pipeline=with_cache(as_list(pipeline), cache), **kwargs)

    @staticmethod
    def require_values(iscrowd: str = 'background', **_: Any) -> None:
        """Raise an error for a value other than the three allowed ones."""
        as_trained((), iscrowd)

    def parse_data_info(self, raw_data_info: dict[str, Any]) -> dict[str, Any]:
        """As mmdet's, of the boxes as they are trained."""
        boxes = as_trained(raw_data_info['raw_ann_info'], self.iscrowd)
        info: dict[str, Any] = super().parse_data_info({**raw_data_info, 'raw_ann_info': boxes})
        return info
