"""Runs the teacher on both views of an image, with one decode and in one batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmdet.structures import DetDataSample
from torch import nn

from mmssod.label_bank.layout import BOX
from mmssod.label_bank.shards import LabeledImage
from mmssod.models.pseudo.labelers import predict_candidates
from mmssod.structures import PseudoLabels


class ViewLabeler:
    """Detects with the teacher in images, plain and mirrored.

    Images of one size go through it together; others do not, since an image that is padded to another's size is
    answered slightly otherwise. The floor is applied to what is left after non-maximum suppression: a score threshold
    would take boxes away that suppress others, and so change the rest.

    Args:
        teacher: The detector, in eval mode.
        preprocessor: Makes a batch of images.
        mirrored: Whether mirrored views are labeled, too.
        floor: Minimum p of a box.
        device: Where the teacher is.
    """

    def __init__(
        self,
        teacher: nn.Module,
        preprocessor: Any,
        mirrored: bool,
        floor: float,
        device: torch.device,
    ) -> None:
        self.teacher, self.preprocessor = teacher.to(device), preprocessor.to(device)
        self.mirrored, self.floor, self.device = mirrored, floor, device

    @torch.no_grad()
    def __call__(self, batch: Mapping[str, Any]) -> list[LabeledImage]:
        """Label a batch of ``inputs``, uint8 images of shape (3, H, W) each, with their ``data_samples``.

        Where an image is None, since it cannot be read, it has no boxes.
        """
        sizes = [sample.img_shape[:2] for sample in batch['data_samples']]
        labeled: dict[int, LabeledImage] = {}
        for size in dict.fromkeys(sizes):
            places = [place for place, other in enumerate(sizes) if other == size]
            samples = [batch['data_samples'][place] for place in places]
            views = self._label([batch['inputs'][place] for place in places], samples)
            for place, s, boxes in zip(places, samples, views, strict=True):
                labeled[place] = LabeledImage(s.img_id, s.img_path, s.ori_shape[:2], size, *boxes)
        return [labeled[place] for place in range(len(sizes))]

    def _label(
        self, images: list[Any], samples: list[DetDataSample]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """BOX records of both views of images of one size, or of unreadable ones."""
        nothing = [np.zeros(0, BOX)] * len(samples)
        if images[0] is None:
            return list(zip(nothing, nothing, strict=True))
        views = [image.to(self.device) for image in images]
        if self.mirrored:
            views, samples = views + [image.flip(-1) for image in views], samples * 2
        blank = [DetDataSample(metainfo=sample.metainfo) for sample in samples]
        data = self.preprocessor(dict(inputs=views, data_samples=blank), False)
        found = predict_candidates(self.teacher, data['inputs'], data['data_samples'])
        boxes = [as_records(labels, self.floor) for labels in found]
        return list(zip(boxes[: len(images)], boxes[len(images) :] or nothing, strict=True))


def as_records(labels: PseudoLabels, floor: float) -> np.ndarray:
    """Labels with p of at least the floor as BOX records."""
    rest = torch.stack([labels.cls_certainty, labels.loc_certainty, labels.labels], dim=1)
    rows = torch.cat([labels.boxes, rest], dim=1).float().cpu().numpy()
    rows = rows[rows[:, 4] >= floor]
    records = np.zeros(len(rows), BOX)
    records['box'], records['p'], records['v'] = rows[:, :4], rows[:, 4], rows[:, 5]
    records['label'] = rows[:, 6]
    return records
