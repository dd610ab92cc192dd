"""Pseudo boxes that weigh their certainty."""

from mmdet.registry import MODELS
from torch import Tensor

from mmssod.models.pseudo.selectors import ThresholdSelector
from mmssod.structures import PseudoLabels


@MODELS.register_module()
class SoftSelector(ThresholdSelector):
    """Keeps what :class:`ThresholdSelector` keeps, and each box weighs as much as its certainty.

    The certainty is the one that the threshold is compared with. The cross-entropy of a target that is ``s`` at the
    box's class and 0 elsewhere is ``s`` times that of the hard target, so a soft target is a box weight; it counts in
    the localization loss, too.

    Source: the soft RoI targets of Instant-Teaching, 2021, where ``s`` is the score.
    """

    weighs_boxes = True

    def forward(self, candidates: PseudoLabels, thresholds: Tensor) -> PseudoLabels:
        """The candidates above threshold, weighted; arguments as :class:`ThresholdSelector`."""
        kept = super().forward(candidates, thresholds)
        return kept.scaled(self.measure(kept))
