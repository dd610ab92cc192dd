"""Selectors: choose which candidates become pseudo labels, and their weights. ``M`` classes."""

from mmdet.registry import MODELS
from torch import Tensor, nn

from mmssod.environment.errors import InputError
from mmssod.structures import PseudoLabels


@MODELS.register_module()
class ThresholdSelector(nn.Module):
    """Keep boxes whose certainty is above their class's threshold.

    Args:
        certainty: What the threshold is compared with: ``'p*v'``, ``'p'``, or ``'p_and_v'`` (each of both).
        min_size: Minimum width and height of a pseudo box, in pixels of the weak view.

    Raises:
        ValueError: For another ``certainty``.
    """

    cheap_to_build = True

    def __init__(self, certainty: str = 'p*v', min_size: float = 1.0) -> None:
        super().__init__()
        measures = {
            'p*v': lambda labels: labels.certainty,
            'p': lambda labels: labels.cls_certainty,
            'p_and_v': lambda labels: labels.cls_certainty.minimum(labels.loc_certainty),
        }
        if certainty not in measures:
            raise InputError(f'certainty must be one of {sorted(measures)}, got {certainty!r}')
        self.measure = measures[certainty]
        self.min_size = min_size

    def forward(self, candidates: PseudoLabels, thresholds: Tensor) -> PseudoLabels:
        """The candidates above threshold.

        Args:
            candidates: Candidates of one image, on the weak view.
            thresholds: One a class, shape (M,).
        """
        sizes = candidates.boxes[:, 2:] - candidates.boxes[:, :2]
        limits = thresholds.to(candidates.cls_certainty)[candidates.labels]
        keep = (self.measure(candidates) > limits) & (sizes >= self.min_size).all(dim=1)
        return candidates.select(keep)
