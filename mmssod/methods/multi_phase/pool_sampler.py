"""Samples all sources as one pool of images, some of them repeated."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from mmdet.registry import DATA_SAMPLERS

from mmssod.datasets.samplers import SourceSampler, SourceStream, checked_counts, upright_images


@DATA_SAMPLERS.register_module()
class PoolSampler(SourceSampler):
    """Endless samples of a ``SemiDataset`` whose sources are concatenated, each as often as ``repeats`` says.

    How many images of a source are in a batch is left to chance; each epoch of the pool meets an image as often as its
    source is repeated. All else is as in ``SourceSampler``: a batch is a pure function of seed and number, W processes
    see what one process with W times the batch sees, and images of one orientation share a batch.

    Args:
        dataset: ``SemiDataset``.
        repeats: Source name -> times per epoch, >= 1; every source of the data set once.
        images: Images a batch and process, >= 1: the loader's ``batch_size`` must be this.
        seed, aspect_grouping: As in ``SourceSampler``.

    Raises:
        TypeError: The data set has no sources.
        ValueError: A number is no whole number >= 1, or repeats and sources differ in their names.
    """

    shares = 'repeats'

    @classmethod
    def _batch_of(cls, node: Mapping[str, Any], shares: Mapping[str, Any]) -> tuple[int, str]:
        images = node.get('images')
        wanted = images if isinstance(images, int) else 0
        return wanted, f'train_dataloader.sampler.images={wanted}'

    def __init__(
        self,
        dataset: Any,
        repeats: Mapping[str, int],
        images: int,
        *,
        seed: int | None = None,
        aspect_grouping: bool = True,
    ) -> None:
        names = getattr(dataset, 'sources', {})
        super().__init__(dataset, dict.fromkeys(names, 1), seed=seed, aspect_grouping=False)
        sizes = {name: len(source) for name, source in dataset.sources.items()}
        self.repeats = checked_counts(repeats, sizes, 'repeats')
        self.counts = checked_counts(dict(pooled=images), dict(pooled=1), 'images')
        indices = [
            np.tile(np.arange(sizes[name]) + dataset.offsets[name], times)
            for name, times in self.repeats.items()
        ]
        upright = None
        if aspect_grouping and images > 1:
            ratios = [np.tile(dataset.aspect_ratios(n), k) for n, k in self.repeats.items()]
            upright = upright_images(np.concatenate(ratios))
        pool = np.concatenate(indices)
        self.streams = [SourceStream('pooled', pool, images, upright)]
        self._length = len(pool)
