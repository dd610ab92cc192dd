"""Keeps as many candidates per image as the sum of their certainties predicts objects."""

from mmdet.registry import MODELS
from mmdet.structures import SampleList
from torch import nn

from mmssod.structures import PseudoLabels


@MODELS.register_module()
class KeepExpected(nn.Module):
    """Keep the most certain candidates of each image: one more than the rounded sum of their certainties.

    If certainties are probabilities, that sum is the expected number of objects. The rest are candidates that the
    detector itself gives up on; a mixture of them all would find two kinds of background.

    Source: the public code of Consistent-Teacher, Wang et al., CVPR 2023.
    """

    cheap_to_build = True

    def forward(self, candidates: list[PseudoLabels], samples: SampleList) -> list[PseudoLabels]:
        """One value per image in, the best of each out, in their order."""
        return [expected(labels) for labels in candidates]


def expected(labels: PseudoLabels) -> PseudoLabels:
    """The candidates of one image that its certainties let expect, and one more."""
    certainty = labels.certainty
    ranks = certainty.argsort(descending=True, stable=True).argsort()
    return labels.select(ranks <= (certainty.sum() + 0.5).floor())
