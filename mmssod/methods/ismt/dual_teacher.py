"""The mean teachers of two RoI heads. ``B`` images."""

from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample, SampleList
from mmdet.utils import ConfigType
from torch import Tensor, nn

from mmssod.methods.ismt.head_labels import HeadLabels
from mmssod.models.pseudo.labelers import EMATeacher
from mmssod.structures import PseudoLabels


@MODELS.register_module()
class DualTeacher(EMATeacher):
    """A mean teacher with two RoI heads; its labels say which of the two made them (ISMT).

    Args:
        detector: Config of a two-stage detector with a :class:`~mmssod.models.DualRoIHead`.
        checkpoint: As :class:`~mmssod.models.pseudo.labelers.FrozenTeacher`.

    Raises:
        TypeError: For a detector with another RoI head.

    Source: Yang et al., "Interactive Self-Training with Mean Teachers for Semi-supervised Object Detection", 2021.
    """

    def __init__(self, detector: ConfigType, checkpoint: str = '') -> None:
        super().__init__(detector, checkpoint)
        head = getattr(self.teacher, 'roi_head', None)
        if not hasattr(head, 'predict_each'):
            raise TypeError(
                f'{type(self).__name__} needs a detector with two RoI heads, got '
                f'{type(head).__name__ if head is not None else "none"}; set '
                "detector.roi_head.type='DualRoIHead'"
            )

    @torch.no_grad()
    def forward(
        self, inputs: Tensor, samples: SampleList, student: nn.Module
    ) -> list[PseudoLabels]:
        """Predictions of both heads, shape (B, 3, H, W) in, one :class:`HeadLabels` per image out."""
        blank = [DetDataSample(metainfo=sample.metainfo) for sample in samples]
        teacher: Any = self.teacher
        features = teacher.extract_feat(inputs)
        proposals = teacher.rpn_head.predict(features, blank, rescale=False)
        answers = teacher.roi_head.predict_each(features, proposals, blank, rescale=False)
        return [HeadLabels.from_heads(image) for image in zip(*answers, strict=True)]
