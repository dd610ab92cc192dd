"""A mean teacher that keeps its features for later queries. ``B`` images, ``n`` boxes of one image."""

from __future__ import annotations

from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, SampleList
from mmdet.utils import ConfigType
from torch import Tensor, nn

from mmssod.methods.semi_detr.query_dino import Encoded
from mmssod.models.pseudo import EMATeacher
from mmssod.structures import PseudoLabels


@MODELS.register_module()
class QueryTeacher(EMATeacher):
    """A mean teacher for :class:`QueryDINO`, which keeps boxes above the image's mean score plus deviation.

    Args:
        detector, checkpoint: As :class:`FrozenTeacher`.

    Attributes:
        candidates: Candidates of each image of the last call.
        samples: Samples of the last call.
        encoded: What the decoder reads of the last call's images; None before it and after :meth:`forget`.
    """

    teacher: Any

    def __init__(self, detector: ConfigType, checkpoint: str = '') -> None:
        super().__init__(detector, checkpoint)
        self.teacher.bbox_head.labels_images = True
        self.samples: SampleList = []
        self.candidates: list[PseudoLabels] = []
        self.encoded: Encoded | None = None

    @torch.no_grad()
    def forward(
        self, inputs: Tensor, samples: SampleList, student: nn.Module
    ) -> list[PseudoLabels]:
        """Candidates of each image, without overlapping ones of a class; the student is not used."""
        self.samples = [DetDataSample(metainfo=sample.metainfo) for sample in samples]
        self.encoded = self.teacher.encode(inputs, self.samples)
        queries, _ = self.teacher.decode(self.encoded, self.samples)
        results = self.teacher.bbox_head.predict(
            **queries, batch_data_samples=self.samples, rescale=False
        )
        self.candidates = [outstanding(PseudoLabels.from_predictions(each)) for each in results]
        return self.candidates

    def forget(self) -> None:
        """Let go of the images, so that their memory is free in the backward pass."""
        self.samples, self.candidates, self.encoded = [], [], None


def outstanding(labels: PseudoLabels) -> PseudoLabels:
    """Boxes whose p is at least the mean p and one standard deviation; a single box stays."""
    scores = labels.cls_certainty
    if len(scores) < 2:
        return labels
    return labels.select(scores >= scores.mean() + scores.std())
