"""Computes feature maps of several batches in one forward pass. ``B`` images of a batch, of (3, H, W)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


class FeatureCache:
    """Hands feature maps out when a detector is asked for those of images that it has seen already.

    Images are known by identity: those that were changed or made anew (a mixer's) are computed as usual.
    """

    def __init__(self) -> None:
        self.known: list[tuple[Tensor, tuple[Tensor, ...]]] = []

    @contextmanager
    def filled(self, detector: Any, batches: Sequence[Tensor]) -> Iterator[None]:
        """Within it ``detector.extract_feat`` knows the batches, from one pass.

        Batches that are padded to different sizes are left to a pass each: padding them further would change what
        convolutions see at their borders, and so the losses. So are those of a detector whose feature maps are not one
        an image.

        Args:
            detector: Any mmdet detector.
            batches: Images, shape (B, 3, H, W) each.
        """
        if len({batch.shape[1:] for batch in batches}) > 1:
            yield
            return
        extract = detector.extract_feat
        levels = extract(torch.cat(list(batches)))
        if any(len(level) != sum(map(len, batches)) for level in levels):
            yield  # TridentNet answers each image several times
            return
        parts = [level.split([len(batch) for batch in batches]) for level in levels]
        self.known = list(zip(batches, zip(*parts, strict=True), strict=True))

        def known_or_extracted(inputs: Tensor) -> tuple[Tensor, ...]:
            found = self.find(inputs)
            return extract(inputs) if found is None else found

        detector.extract_feat = known_or_extracted
        try:
            yield
        finally:
            del detector.extract_feat
            self.known = []

    def find(self, inputs: Tensor) -> tuple[Tensor, ...] | None:
        """The feature maps of these very images, if they are known."""
        return next((levels for images, levels in self.known if images is inputs), None)

    def select(self, inputs: Tensor, keep: Sequence[int]) -> Tensor:
        """Some images of a batch, in this order; what is known of the batch is known of them."""
        if len(keep) == len(inputs):
            return inputs
        chosen, levels = inputs[keep], self.find(inputs)
        if levels is not None:
            self.known.append((chosen, tuple(level[keep] for level in levels)))
        return chosen
