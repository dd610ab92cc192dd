"""A labeler that returns labels passed in with the samples. ``B`` images."""

from mmdet.registry import MODELS
from mmdet.structures import SampleList
from torch import Tensor, nn

from mmssod.environment.errors import InputError
from mmssod.models.pseudo.labelers import Labeler
from mmssod.structures import PseudoLabels


@MODELS.register_module()
class GivenLabels(Labeler):
    """Returns the labels that the caller stored in the weak views' samples, as ``pred_instances``.

    Raises:
        ValueError: For a sample without.
    """

    def forward(
        self, inputs: Tensor, samples: SampleList, student: nn.Module
    ) -> list[PseudoLabels]:
        """What the samples hold; neither the images nor the student are looked at."""
        if any('pred_instances' not in sample for sample in samples):
            raise InputError(
                'GivenLabels reads pred_instances of the weak views, and a sample has none: it is the labeler of a '
                'detector that lays them there (CoRectifyDetector); others take FrozenTeacher, EMATeacher or '
                'SelfLabeler'
            )
        return [PseudoLabels.from_predictions(sample.pred_instances) for sample in samples]
