"""Mixers: what becomes of strong views and their targets before the student sees them."""

from mmdet.registry import MODELS
from mmdet.structures import SampleList
from torch import Tensor, nn

from mmssod.structures import Views


@MODELS.register_module()
class KeepImages(nn.Module):
    """The neutral mixer: strong views stay as they are."""

    def forward(self, strong: Views, labeled_inputs: Tensor, labeled_samples: SampleList) -> Views:
        """The views that the student learns from.

        Args:
            strong: Strong views of the unlabeled images, each box with its weight.
            labeled_inputs: Labeled images of the same batch, shape (B, 3, H, W).
            labeled_samples: Their samples; boxes carry ``weights``.
        """
        return strong
