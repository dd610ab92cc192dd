"""A memory of pseudo labels by image. ``T`` remembered boxes of all images, ``M`` classes."""

from collections.abc import Sequence
from typing import Any

import torch
from mmcv.ops import batched_nms
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, SampleList
from mmengine.dist import all_gather, get_world_size
from torch import Tensor, nn

from mmssod.environment.errors import InputError
from mmssod.methods.ismt.head_labels import HeadLabels
from mmssod.structures import PseudoLabels
from mmssod.structures.image_ids import id_number

# A remembered box: image id, head, class, x1 y1 x2 y2 in pixels of the original image, p, v.
COLUMNS = 9
IMAGE, HEAD, CLASS, P, V = 0, 1, 2, 7, 8
BOX = slice(3, 7)


@MODELS.register_module()
class PseudoLabelMemory(nn.Module):
    """Returns the remembered pseudo labels of an image instead of its teachers' current ones (ISMT).

    New boxes of an image join those remembered, and non-maximum suppression over both, by head and class and ranked by
    p*v, says what stays: a better box replaces the old one, another object adds to them, and an object that is not
    seen this time is not forgotten.

    Boxes lie by image in the host's memory, so a step costs what its own images hold, however many others are
    remembered. In a checkpoint they are one tensor, ``rows`` of shape (T, 9), and a run resumes with them. In several
    processes each step's new boxes are gathered and all of them update the same memory; every process must call it in
    each step, also one without a box.

    Args:
        iou_threshold: Boxes of one head and class that overlap by more are one object, in [0, 1].
        score_thr: Minimum p*v of a box that is remembered, in [0, 1).
        max_per_img: Remembered boxes per image, of all heads together, at least 1; the best ones.

    Raises:
        ValueError: For values outside these ranges.

    Source: Yang et al., "Interactive Self-Training with Mean Teachers for Semi-supervised Object Detection", 2021. All
    three values are ours: we found none.
    """

    remembers_images = True  # by their ids: a resumed run needs the same ones

    def __init__(
        self, iou_threshold: float = 0.5, score_thr: float = 0.5, max_per_img: int = 200
    ) -> None:
        super().__init__()
        if not 0 <= iou_threshold <= 1 or not 0 <= score_thr < 1 or max_per_img < 1:
            raise InputError(
                'expected iou_threshold in [0, 1], score_thr in [0, 1) and max_per_img >= 1, got '
                f'{iou_threshold}, {score_thr} and {max_per_img}'
            )
        self.nms = dict(type='nms', iou_threshold=iou_threshold)
        self.score_thr = score_thr
        self.max_per_img = max_per_img
        self.images: dict[int, Tensor] = {}  # rows by image id, on the CPU

    @property
    def rows(self) -> Tensor:
        """All that is remembered, shape (T, 9), images in the order of their ids; each call makes it anew."""
        return torch.cat([nothing(), *(self.images[image] for image in sorted(self.images))])

    @torch.no_grad()
    def forward(self, candidates: Sequence[HeadLabels], samples: SampleList) -> list[PseudoLabels]:
        """Remember the candidates, answer what is remembered.

        Args:
            candidates: One value per image, in pixels of its weak view.
            samples: The views, with ``img_id``, ``ori_shape``, ``img_shape`` and ``homography_matrix``.
        """
        found = zip(candidates, samples, strict=True)
        seen = torch.cat([self.to_rows(labels, sample) for labels, sample in found])
        self.remember(gather_rows(seen).cpu())
        return [self.recall(sample, seen.device) for sample in samples]

    def remember(self, seen: Tensor) -> None:
        """Fuse boxes into the memory; rows as those of the memory, shape (number of boxes, 9), on the CPU."""
        for image, new in by_image(seen).items():
            known = self.images.get(image, nothing())
            self.images[image] = self.suppress(torch.cat([known, new]))

    def suppress(self, rows: Tensor) -> Tensor:
        """What stays of one image's rows, best first."""
        groups = rows[:, [HEAD, CLASS]].unique(dim=0, return_inverse=True)[1]
        scores = (rows[:, P] * rows[:, V]).float()
        kept = batched_nms(rows[:, BOX].float().contiguous(), scores, groups, self.nms)[1]
        return rows[kept[: self.max_per_img]]

    def pooled(self, rows: Tensor) -> Tensor:
        """Rows of both heads as one labeler's: the best box of each object, images in the order of their ids."""
        rows = rows.clone()
        rows[:, HEAD] = 0
        return torch.cat([rows[:0], *map(self.suppress, by_image(rows).values())])

    def recall(self, sample: DetDataSample, device: torch.device) -> HeadLabels:
        """What is remembered of an image, in pixels of the given view."""
        rows = self.images.get(image_number(sample), nothing())
        matrix = torch.as_tensor(sample.homography_matrix)
        return from_rows(rows.to(device)).project(matrix, sample.img_shape)  # type: ignore[return-value]

    def to_rows(self, labels: HeadLabels, sample: DetDataSample) -> Tensor:
        """Boxes of one view that are certain enough, as rows; shape (number of boxes, 9)."""
        matrix = torch.as_tensor(sample.homography_matrix, dtype=torch.float64)
        labels = labels.project(torch.linalg.inv(matrix), sample.ori_shape)  # type: ignore[assignment]
        labels = labels.select(labels.certainty >= self.score_thr)  # type: ignore[assignment]
        image = torch.full_like(labels.heads, image_number(sample))
        columns = (image, labels.heads, labels.labels)
        certainties = torch.stack([labels.cls_certainty, labels.loc_certainty], dim=1)
        parts = (torch.stack(columns, dim=1), labels.boxes, certainties)
        return torch.cat([part.double() for part in parts], dim=1)

    def _save_to_state_dict(self, destination: dict, prefix: str, keep_vars: bool) -> None:
        """The memory as one tensor."""
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[prefix + 'rows'] = self.rows

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        """The memory that is loaded, in place of this one; a checkpoint without one leaves it as it is."""
        if prefix + 'rows' in state_dict:
            self.images = by_image(state_dict[prefix + 'rows'].cpu())
        else:
            missing_keys: list[str] = args[2]  # after local_metadata and strict
            missing_keys.append(prefix + 'rows')


def image_number(sample: DetDataSample) -> int:
    """A whole number for the image's id, which may be a text."""
    return id_number(sample.img_id)


def from_rows(rows: Tensor) -> HeadLabels:
    """Rows of one image as pseudo labels in pixels of the original image, each of weight 1."""
    p = rows[:, P].float()
    return HeadLabels(
        boxes=rows[:, BOX].float(),
        labels=rows[:, CLASS].long(),
        cls_certainty=p,
        loc_certainty=rows[:, V].float(),
        weights=torch.ones_like(p),
        heads=rows[:, HEAD].long(),
    )


def nothing() -> Tensor:
    """No row, shape (0, 9); float64 holds any float32 and integers up to 2^53, so that all columns share one tensor."""
    return torch.zeros(0, COLUMNS, dtype=torch.float64)


def by_image(rows: Tensor) -> dict[int, Tensor]:
    """Rows of each image, in their order; images in the order of their ids."""
    ids, order = rows[:, IMAGE].sort(stable=True)
    images, counts = ids.unique_consecutive(return_counts=True)
    parts = rows[order].split(counts.tolist())
    return {int(image): part for image, part in zip(images.tolist(), parts, strict=True)}


def gather_rows(rows: Tensor) -> Tensor:
    """The rows of all processes, in the order of ranks; every process must call it."""
    if get_world_size() == 1:
        return rows
    counts = [int(count) for count in all_gather(rows.new_tensor([len(rows)]))]
    padded = rows.new_zeros(max(counts), rows.shape[1])
    padded[: len(rows)] = rows
    parts = all_gather(padded) if len(padded) else []
    return torch.cat(
        [rows[:0], *(part[:count] for part, count in zip(parts, counts, strict=False))]
    )
