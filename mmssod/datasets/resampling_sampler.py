"""Draws labeled images with rare classes or large objects more often. ``N`` labeled images."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from mmdet.registry import DATA_SAMPLERS

from mmssod.datasets.samplers import SourceSampler
from mmssod.environment.errors import InputError

LARGE = 'large'


@DATA_SAMPLERS.register_module()
class ResamplingSampler(SourceSampler):
    """A ``SourceSampler`` that draws some labeled images several times per epoch.

    Images with a certain class are a kind, and so are those with a large object. A kind that is a share f of all
    images, below its limit t, is met sqrt(t / f) times as often; an image of several kinds as often as the rarest asks
    for. The remainders of these numbers are carried on from image to image, so that their sum is kept to half an
    image. All else is as in ``SourceSampler``: a batch is a pure function of seed and number.

    Args:
        dataset: ``SemiDataset``.
        counts: As in ``SourceSampler``.
        class_share: Limit of images with a class, in [0, 1]; 0 switches off.
        large_share: Limit of images with a large object, likewise.
        large_area: Minimum area of a large object, in pixels of the original image; COCO's by default.
        seed, aspect_grouping: As in ``SourceSampler``.

    Raises:
        TypeError: The data set has no sources.
        ValueError: A share is outside its range, or a count as in ``SourceSampler``.

    Source: repeat factors by class of Gupta et al., "LVIS", 2019, which mmdet rounds up; the limits, and size as a
    kind, are ours. MixPL re-samples labeled images, and its authors point to mmdet's config of LVIS for how.
    """

    def __init__(
        self,
        dataset: Any,
        counts: Mapping[str, int],
        class_share: float = 0.01,
        large_share: float = 0.5,
        large_area: float = 96.0**2,
        *,
        seed: int | None = None,
        aspect_grouping: bool = True,
    ) -> None:
        if not (0 <= class_share <= 1 and 0 <= large_share <= 1):
            raise InputError(
                f'class_share and large_share must be in [0, 1], got {class_share} and {large_share}'
            )
        super().__init__(dataset, counts, seed=seed, aspect_grouping=aspect_grouping)
        labeled = dataset.sources['labeled']
        infos = map(labeled.get_data_info, range(len(labeled)))
        kinds = [kinds_of(info['instances'], large_area) for info in infos]
        times = whole_times(repeat_factors(kinds, class_share, {LARGE: large_share}))
        first = dataset.offsets['labeled']
        stream = self.streams[list(self.counts).index('labeled')]
        stream.groups = [np.repeat(group, times[group - first]) for group in stream.groups]


def kinds_of(instances: Collection[Mapping[str, Any]], large_area: float) -> set[Any]:
    """Classes of an image's trained boxes, and ``LARGE`` where one is."""
    kinds: set[Any] = set()
    for instance in instances:
        if not instance.get('ignore_flag', 0):
            left, top, right, bottom = instance['bbox']
            is_large = (right - left) * (bottom - top) >= large_area
            kinds |= {instance['bbox_label'], LARGE} if is_large else {instance['bbox_label']}
    return kinds


def repeat_factors(
    kinds: Sequence[Collection[Any]], limit: float, limits: Mapping[Any, float]
) -> np.ndarray:
    """Number of times that each image is drawn, (N,) float64, at least 1.

    Args:
        kinds: Kind of each image.
        limit: Limit for a kind that ``limits`` does not name, in [0, 1].
        limits: Limits for the other kinds.
    """
    counts = Counter(kind for image in kinds for kind in image)
    factors = {
        kind: (limits.get(kind, limit) * len(kinds) / count) ** 0.5
        for kind, count in counts.items()
    }
    return np.array([max([1.0, *(factors[kind] for kind in image)]) for image in kinds])


def whole_times(factors: np.ndarray) -> np.ndarray:
    """Whole numbers, each next to its factor, whose sums from the first on are those of the factors to a half; (N,)."""
    return np.diff(np.floor(np.cumsum(factors) + 0.5), prepend=0).astype(int)
