"""A detector that wraps the student and predicts with it. ``B`` images of a branch."""

from typing import Any

from mmdet.models.detectors import BaseDetector
from mmdet.structures import SampleList
from mmdet.utils import ConfigType, OptConfigType
from torch import Tensor

from ..box_weights import take_box_weights
from ..build_detector import build_detector


class StudentDetector(BaseDetector):
    """Base of the detectors that train another one, their student, on several branches of a batch.

    Args:
        detector: Config of the student.
        data_preprocessor: By default a :class:`BranchDataPreprocessor` around the student's own.
        init_cfg: As in mmengine.
    """

    def __init__(
        self,
        detector: ConfigType,
        data_preprocessor: OptConfigType = None,
        init_cfg: OptConfigType = None,
    ) -> None:
        if data_preprocessor is None:
            data_preprocessor = dict(
                type='BranchDataPreprocessor',
                data_preprocessor=detector.get('data_preprocessor'),
            )
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.student = take_box_weights(build_detector(detector))

    @property
    def predictor(self) -> BaseDetector:
        """The detector that answers at test time."""
        return self.student

    def predict(
        self, batch_inputs: Tensor, batch_data_samples: SampleList, rescale: bool = True
    ) -> SampleList:
        """Predictions of the predictor, as mmdet's detectors give them; images of shape (B, 3, H, W)."""
        return self.predictor.predict(batch_inputs, batch_data_samples, rescale=rescale)

    def _forward(self, batch_inputs: Tensor, batch_data_samples: SampleList | None = None) -> Any:
        return self.predictor._forward(batch_inputs, batch_data_samples)

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of the predictor."""
        return self.predictor.extract_feat(batch_inputs)
