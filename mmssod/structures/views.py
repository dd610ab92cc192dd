"""One view of one or several images, with the targets that the student is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmdet.structures import DetDataSample, SampleList
from torch import Tensor

from .pseudo_labels import PseudoLabels


class View(NamedTuple):
    """One image without its padding."""

    image: Tensor  # shape (3, h, w), normalized
    sample: DetDataSample  # its img_shape is (h, w)
    labels: PseudoLabels  # targets in pixels of the image


class Views(NamedTuple):
    """``B`` images of one branch."""

    inputs: Tensor  # shape (B, 3, H, W), normalized
    samples: SampleList  # what is known of each view: its size, its homography
    labels: list[PseudoLabels]  # targets in pixels of these views

    def single(self) -> list[View]:
        """Each image by itself."""
        cropped = []
        for image, sample, labels in zip(*self, strict=True):
            height, width = sample.img_shape[:2]
            cropped.append(View(image[:, :height, :width], sample, labels))
        return cropped

    @classmethod
    def stack(cls, views: Sequence[View]) -> Views:
        """A batch as mmdet's data preprocessor makes it: zeros to the right and below, up to the greatest pad_shape.

        Args:
            views: At least one; each sample's ``pad_shape`` holds its image.
        """
        size = tuple(max(s) for s in zip(*(v.sample.pad_shape[:2] for v in views), strict=True))
        inputs = views[0].image.new_zeros(len(views), views[0].image.shape[0], *size)
        for place, view in zip(inputs, views, strict=True):
            place[:, : view.image.shape[1], : view.image.shape[2]] = view.image
        samples = [resized(view.sample, batch_input_shape=size) for view in views]
        return cls(inputs, samples, [view.labels for view in views])


def resized(sample: DetDataSample, **sizes: Any) -> DetDataSample:
    """A sample that knows the same of its image but for these sizes; annotations stay behind."""
    return DetDataSample(metainfo={**sample.metainfo, **sizes})


def view_change(source: DetDataSample, target: DetDataSample) -> Tensor:
    """Homography from one view of an image to another, shape (3, 3), float64."""
    to_source, to_target = (
        torch.as_tensor(sample.homography_matrix, dtype=torch.float64)
        for sample in (source, target)
    )
    return to_target @ torch.linalg.inv(to_source)
