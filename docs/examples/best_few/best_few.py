"""An example of a method: pseudo labels are the best boxes of an image; features of a mirror image are mirrored.

Two parts that the core does not have: a selector that keeps no threshold, and a loss on unlabeled images that needs no
label. ``N`` candidates of one image, ``M`` classes, ``B`` images.
"""

import torch
from mmdet.registry import MODELS
from torch import Tensor, nn

from mmssod.structures import PseudoLabels, Views


@MODELS.register_module()
class TopSelector(nn.Module):
    """Keep the most certain boxes of an image, whatever their certainty.

    Args:
        number: How many at most, at least 1.

    Raises:
        ValueError: For a smaller ``number``.
    """

    cheap_to_build = True  # so its values are checked before data are loaded

    def __init__(self, number: int = 5) -> None:
        super().__init__()
        if number < 1:
            raise ValueError(f'number must be at least 1, got {number}')
        self.number = number

    def forward(self, candidates: PseudoLabels, thresholds: Tensor) -> PseudoLabels:
        """The most certain of N candidates; thresholds, shape (M,), are not read."""
        return candidates.select(candidates.certainty.argsort(descending=True)[: self.number])


@MODELS.register_module()
class MirrorLoss(nn.Module):
    """Feature maps of an image and of its mirror image, mirrored back, shall be equal.

    Args:
        weight: Of the mean squared difference, >= 0.
    """

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, student: nn.Module, strong: Views) -> dict[str, Tensor]:
        """One loss, the mean over levels.

        Args:
            student: A detector with ``extract_feat``.
            strong: Strong views, inputs of shape (B, 3, H, W).
        """
        maps = student.extract_feat(strong.inputs)
        mirrored = student.extract_feat(strong.inputs.flip(-1))
        gaps = [(a - b.flip(-1)).square().mean() for a, b in zip(maps, mirrored, strict=True)]
        return dict(loss_mirror=self.weight * torch.stack(gaps).mean())
