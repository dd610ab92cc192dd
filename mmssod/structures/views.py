"""One view of several images, with what the student shall find there."""

from typing import NamedTuple

from mmdet.structures import SampleList
from torch import Tensor

from .pseudo_labels import PseudoLabels


class Views(NamedTuple):
    """``B`` images of one branch."""

    inputs: Tensor  # shape (B, 3, H, W), normalized
    samples: SampleList  # what is known of each view: its size, its homography
    labels: list[PseudoLabels]  # targets in pixels of these views
