"""Data preprocessor for batches of several branches, one of which may be empty."""

from __future__ import annotations

from mmdet.models import MultiBranchDataPreprocessor
from mmdet.registry import MODELS


@MODELS.register_module()
class BranchDataPreprocessor(MultiBranchDataPreprocessor):
    """mmdet's preprocessor, but a branch whose images are all ``None`` keeps its samples and has no inputs.

    Such are weak views that nobody looks at (:class:`mmssod.datasets.transforms.UnseenSteps`).
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalize and pad each branch.

        Args:
            data: ``inputs`` and ``data_samples``, in training by branch, with ``None`` for images of other branches.
            training: Whether the batch has branches.
        """
        if not training:
            return super().forward(data, training)
        unseen = [name for name, images in data['inputs'].items() if all(i is None for i in images)]
        seen = {
            key: {name: entries for name, entries in part.items() if name not in unseen}
            for key, part in data.items()
        }
        ready: dict = super().forward(seen, training)
        for name in unseen:
            samples = data['data_samples'][name]
            ready['data_samples'][name] = [sample for sample in samples if sample is not None]
        return ready
