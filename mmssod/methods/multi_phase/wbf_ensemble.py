"""An ensemble whose boxes are fused by Weighted Boxes Fusion, as the library ``ensemble-boxes`` has it."""

from collections.abc import Sequence
from typing import Any

from mmdet.registry import MODELS
from mmdet.utils import ConfigType
from mmengine.structures import InstanceData

from mmssod.environment.errors import InputError
from mmssod.models.detectors.ensemble_detector import EnsembleDetector
from mmssod.models.weighted_fusion import weighted_boxes_fusion, weighted_fusion


@MODELS.register_module()
class WBFEnsemble(EnsembleDetector):
    """Predictions of all members, fused by Weighted Boxes Fusion (Multi-Phase).

    The fused box is the mean of all boxes of one object, weighted by score and by the member's weight; its score is
    the mean over members, so what few have found, or light ones, counts less.

    Args:
        members: Configs of the detectors.
        weights: How much each member counts, above 0, in their order.
        iou_threshold: Minimum IoU of boxes that mean one object, in [0, 1].
        kwargs: As :class:`EnsembleDetector`.

    Raises:
        ValueError: For another number of weights than of members, or a weight that is not above 0.
        ImportError: Without the library.

    Source: Solovyev, Wang and Gabruseva, "Weighted boxes fusion: Ensembling boxes from different object detection
    models", 2021.
    """

    def __init__(
        self,
        members: Sequence[ConfigType],
        weights: Sequence[float],
        iou_threshold: float = 0.6,
        **kwargs: Any,
    ) -> None:
        super().__init__(members, iou_threshold, **kwargs)
        if len(weights) != len(members) or min(weights) <= 0:
            raise InputError(
                f'expected a weight above 0 for each of {len(members)} members, got {list(weights)}'
            )
        self.weights = [float(weight) for weight in weights]
        weighted_boxes_fusion()  # the library is there

    def fuse(self, answers: Sequence[InstanceData]) -> InstanceData:
        """One answer from the members' to one image: boxes, scores and labels, best score first.

        Args:
            answers: ``bboxes`` (n, 4), ``scores`` and ``labels`` (n,) of each member.
        """
        return weighted_fusion(answers, self.weights, self.iou_threshold)
