"""A teacher that re-scores boxes of the images it labeled last.

``B`` images, ``n`` boxes of one image, ``M`` classes, ``J`` jitters; boxes ``x1 y1 x2 y2`` in absolute pixels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, SampleList
from mmdet.utils import ConfigType
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmssod.structures import PseudoLabels, move_boxes, view_change

from .labelers import EMATeacher


@MODELS.register_module()
class RescoringTeacher(EMATeacher):
    """A mean teacher, a two-stage detector, that keeps the features of its last images for :meth:`rescore`.

    Args:
        detector, checkpoint: As :class:`FrozenTeacher`.
    """

    teacher: Any

    def __init__(self, detector: ConfigType, checkpoint: str = '') -> None:
        super().__init__(detector, checkpoint)
        self.features: tuple[Tensor, ...] | None = None
        self.samples: SampleList = []

    @torch.no_grad()
    def forward(
        self, inputs: Tensor, samples: SampleList, student: nn.Module
    ) -> list[PseudoLabels]:
        """The teacher's predictions; the student is not used."""
        blank = [DetDataSample(metainfo=sample.metainfo) for sample in samples]
        self.features = self.teacher.extract_feat(inputs)
        self.samples = samples
        proposals = self.teacher.rpn_head.predict(self.features, blank, rescale=False)
        results = self.teacher.roi_head.predict(self.features, proposals, blank, rescale=False)
        return [PseudoLabels.from_predictions(result) for result in results]

    @torch.no_grad()
    def rescore(self, boxes: Sequence[Tensor]) -> list[InstanceData]:
        """What the second stage says of boxes in the images of the last call, without suppression.

        Args:
            boxes: Boxes of each image, shape (n, 4).

        Returns:
            ``scores`` (n, M + 1), the last one of background, and ``bboxes``, shape (n, 4) or (n, 4 M) where a head
            refines boxes by class.

        Raises:
            RuntimeError: Without images: before the first call, or after :meth:`forget`.
        """
        if self.features is None:
            raise RuntimeError(
                'expected rescore() after a call with images and before forget(), got no images'
            )
        rois = [InstanceData(bboxes=value) for value in boxes]
        metas = [sample.metainfo for sample in self.samples]
        return self.teacher.roi_head.predict_bbox(
            self.features, metas, rois, rcnn_test_cfg=None, rescale=False
        )

    def from_views(self, boxes: Sequence[Tensor], views: SampleList) -> list[Tensor]:
        """Boxes of other views of the last images, each of shape (n, 4), in pixels of the last images."""
        return [
            move_boxes(value, view_change(view, sample), sample.img_shape)
            for value, view, sample in zip(boxes, views, self.samples, strict=True)
        ]

    def forget(self) -> None:
        """Let go of the images, so that their memory is free in the backward pass."""
        self.features, self.samples = None, []

    def deviations(self, labels: Sequence[PseudoLabels], times: int, scale: float) -> list[Tensor]:
        """Regression variance: how far the refined box moves when the box that it starts from is jittered.

        Args:
            labels: Labels of each image of the last call.
            times: ``J``, at least 2.
            scale: Standard deviation of a side's shift, in widths (heights) of the box.

        Returns:
            Of each image, shape (n,): the standard deviation of the four refined sides in widths (heights) of their
            mean box, averaged over the sides; 0 where the answer does not depend on the start.
        """
        shaken = [jitter(value.boxes, times, scale).flatten(0, 1) for value in labels]
        answers = self.rescore(shaken)
        return [
            box_deviation(at_class(answer.bboxes, value.labels.repeat(times)), times)
            for answer, value in zip(answers, labels, strict=True)
        ]


def jitter(boxes: Tensor, times: int, scale: float) -> Tensor:
    """Boxes with jittered sides: (n, 4) -> (J, n, 4); ``scale`` in widths (heights), of at least one pixel."""
    spread = _sizes(boxes) * scale
    return boxes + torch.randn(times, *boxes.shape, device=boxes.device) * spread


def box_deviation(boxes: Tensor, times: int) -> Tensor:
    """The deviation of boxes, (J n, 4) with one set of n behind the other, in units of their mean box; shape (n,)."""
    if not len(boxes):
        return boxes.new_zeros(0)
    answers = boxes.view(times, -1, 4)
    return (answers.std(dim=0) / _sizes(answers.mean(dim=0))).mean(dim=-1)


def _sizes(boxes: Tensor) -> Tensor:
    """Width, height, width, height of each box, at least one pixel; shape (n, 4)."""
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=1.0).repeat(1, 2)


def at_class(boxes: Tensor, labels: Tensor) -> Tensor:
    """The box of each row's class: (n, 4 M) -> (n, 4); (n, 4) stays."""
    if boxes.size(1) == 4:
        return boxes
    return boxes.view(len(boxes), -1, 4)[torch.arange(len(boxes), device=boxes.device), labels]
