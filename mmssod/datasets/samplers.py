"""Draws batches with exact counts per source, on one process or many, resumable.

Law: every batch is a pure function of (seed, batch number), so skipping costs nothing and a resumed
run sees what an uninterrupted one would have seen.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
from mmdet.registry import DATA_SAMPLERS
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmssod.datasets.sample_key import SampleKey, derive_seed
from mmssod.datasets.sampler_checks import (
    batch_problems,
    loop_problems,
    source_problems,
    sources_of,
)
from mmssod.environment.errors import InputError
from mmssod.structures import Problem


class SourceStream:
    """The endless stream of batches of one source.

    Without groups, image n of the stream is image n % N of epoch n // N, each epoch an order of its
    own. With groups (one per orientation), each group is such a stream, and batch b comes from the
    upright one when b * share passes a whole number there: floor((b + 1) * share) - floor(b *
    share) = 1, so that all images come up equally often.

    Args:
        name: Name of the source; part of every seed.
        indices: (N,) ints, the source's images; N >= 1.
        count: Images of this source in a batch, k >= 1.
        upright: (N,) bool, true for images higher than wide; ``None`` for no groups. An empty group
            counts as none.
    """

    def __init__(
        self, name: str, indices: np.ndarray, count: int, upright: np.ndarray | None = None
    ) -> None:
        self.name = name
        self.count = count
        groups = [indices] if upright is None else [indices[~upright], indices[upright]]
        self.groups = [group for group in groups if len(group)]
        self._orders: dict[int, tuple[tuple[int, int], np.ndarray]] = {}

    def batch(self, number: int, seed: int) -> list[SampleKey]:
        """The k samples of this source in batch ``number`` >= 0 of all processes' batches."""
        group, nth = self._group_of(number)
        first = nth * self.count
        return [
            self._sample(group, position, seed) for position in range(first, first + self.count)
        ]

    def _group_of(self, number: int) -> tuple[int, int]:
        """The group that batch ``number`` comes from, and how many batches came from it before."""
        if len(self.groups) == 1:
            return 0, number
        total, upright = sum(map(len, self.groups)), len(self.groups[1])
        before = number * upright // total  # whole numbers: exact however long the run
        if (number + 1) * upright // total > before:
            return 1, before
        return 0, number - before

    def _sample(self, group: int, position: int, seed: int) -> SampleKey:
        epoch, place = divmod(position, len(self.groups[group]))
        index = int(self._order(group, epoch, seed)[place])
        return SampleKey(index, derive_seed(seed, self.name, group, 'sample', position))

    def _order(self, group: int, epoch: int, seed: int) -> np.ndarray:
        """The group's images in the order of ``epoch``; the last one asked for is kept."""
        if group not in self._orders or self._orders[group][0] != (epoch, seed):
            generator = np.random.RandomState(derive_seed(seed, self.name, group, 'order', epoch))
            self._orders[group] = (epoch, seed), generator.permutation(self.groups[group])
        return self._orders[group][1]


@DATA_SAMPLERS.register_module()
class SourceSampler(Sampler):
    """Endless samples of a ``SemiDataset`` in the order of ``counts``, batch after batch.

    With the loader's ``batch_size`` equal to ``sum(counts)`` every batch holds exactly the counts.
    Process r of W takes the batches r, W + r, 2W + r, ...: without aspect grouping, W processes
    with counts k see just the images that one process with counts W * k sees, with the same
    augmentations. Each pass over a source (or orientation group) meets every image once.

    Aspect grouping fills the places of one source in a batch with images of one orientation, since
    they share a tensor; sources are grouped each for itself. A source with one image per batch, of
    one orientation only, or of unknown sizes is not grouped, so nothing is ever waited for. Images
    of unknown size count as wide.

    A source may come in later (``start``): up to there its places in a batch hold ``None``, for which a ``SemiDataset``
    loads nothing. All other samples are what they are without ``start``, its own from there on, too.

    Each ``iter()`` starts where ``skip`` left the sampler, else at the beginning.

    Args:
        dataset: ``SemiDataset``.
        counts: Source name -> images per batch, >= 1; every source of the data set once.
        seed: Seed of orders and augmentations, the same on all processes; ``None`` draws one and
            shares it. Assigning ``sampler.seed`` before iterating has the same effect.
        aspect_grouping: Whether to group by orientation. Sizes come from annotations, else from
            file headers.

    Raises:
        TypeError: The data set has no sources.
        ValueError: A count is no whole number >= 1, or counts and sources differ in their names.
    """

    shares = 'counts'  # the argument that names the sources

    def __init__(
        self,
        dataset: Any,
        counts: Mapping[str, int],
        *,
        seed: int | None = None,
        aspect_grouping: bool = True,
    ) -> None:
        if not hasattr(dataset, 'sources'):
            raise TypeError(f'SourceSampler needs a SemiDataset, got {type(dataset).__name__}')
        dataset.full_init()
        self.counts = checked_counts(
            counts, {name: len(source) for name, source in dataset.sources.items()}
        )
        self.start: dict[str, int] = {}
        self.seed = sync_random_seed() if seed is None else seed
        self.rank, self.world_size = get_dist_info()
        self.streams = [
            SourceStream(
                name,
                np.arange(len(dataset.sources[name])) + dataset.offsets[name],
                count,
                upright_images(dataset.aspect_ratios(name))
                if aspect_grouping and count > 1
                else None,
            )
            for name, count in self.counts.items()
        ]
        self._length = len(dataset)
        self._start = 0

    @classmethod
    def config_problems(cls, node: Mapping[str, Any], cfg: Mapping[str, Any]) -> Iterator[Problem]:
        """Sources, batch and loop of a training config that do not fit this sampler."""
        loader: Any = cfg.get('train_dataloader') or {}
        names, value = sources_of(loader.get('dataset')), node.get(cls.shares)
        shares = value if isinstance(value, Mapping) else {}
        if names and shares:
            faults = count_faults(shares, names, cls.shares)
            yield from source_problems(cls.shares, shares, names, faults)
        yield from batch_problems(*cls._batch_of(node, shares), loader.get('batch_size', 1))
        yield from loop_problems(cfg.get('train_cfg'))

    @classmethod
    def _batch_of(cls, node: Mapping[str, Any], shares: Mapping[str, Any]) -> tuple[int, str]:
        """Images of a batch by the config, and what says so."""
        wanted = sum(part for part in shares.values() if isinstance(part, int))
        return wanted, f'the sum of {dict(shares)}'

    def wait(self, batches: int) -> None:
        """Leave out unlabeled images below this batch number; what comes later is the same."""
        self.start = {name: batches for name in self.counts if batches and name != 'labeled'}

    @property
    def batch_size(self) -> int:
        """Images a batch and process: the loader's ``batch_size`` must be this."""
        return sum(self.counts.values())

    def batch(self, number: int) -> list[SampleKey | None]:
        """The samples of this process's batch ``number`` >= 0, in the order of ``counts``; ``None``: left out."""
        overall = number * self.world_size + self.rank
        samples: list[SampleKey | None] = []
        for stream in self.streams:
            has_begun = number >= self.start.get(stream.name, 0)
            samples += stream.batch(overall, self.seed) if has_begun else [None] * stream.count
        return samples

    def images(self, number: int) -> int:
        """How many images this process's batch ``number`` >= 0 has."""
        left_out = [name for name, first in self.start.items() if number < first]
        return self.batch_size - sum(self.counts[name] for name in left_out)

    def skip(self, num_samples: int) -> None:
        """Makes ``iter()`` start after this process's first ``num_samples`` >= 0 samples; O(1)."""
        if num_samples < 0:
            raise InputError(f'num_samples to skip must be >= 0, got {num_samples}')
        self._start = num_samples

    def __iter__(self) -> Iterator[SampleKey | None]:
        """Samples without end, from the position given by ``skip``."""
        number, done = divmod(self._start, self.batch_size)
        while True:
            yield from self.batch(number)[done:]
            number, done = number + 1, 0

    def __len__(self) -> int:
        """Number of images of all sources, for logs and progress bars; the samples never end."""
        return self._length


def upright_images(ratios: np.ndarray) -> np.ndarray | None:
    """(N,) bool from width / height, NaN counting as wide; ``None`` when no size is known."""
    return None if np.isnan(ratios).all() else ratios < 1.0


def checked_counts(
    counts: Mapping[str, int], sizes: Mapping[str, int], word: str = 'counts'
) -> dict[str, int]:
    """Validated whole numbers >= 1 for exactly the existing sources; ``word`` names them in errors."""
    problems = count_faults(counts, sizes, word)
    if problems:
        raise InputError(
            '; '.join(problems)
            + f'. Sources of the data set: {list(sizes)}, {word}: {dict(counts)}'
        )
    return dict(counts)


def count_faults(
    counts: Mapping[str, int], sources: Collection[str], word: str = 'counts'
) -> list[str]:
    """Problems of the counts."""
    problems = [
        f'{word}[{name!r}] must be a whole number >= 1, got {count!r}'
        for name, count in counts.items()
        if isinstance(count, bool) or not isinstance(count, int) or count < 1
    ]
    unknown = [name for name in counts if name not in sources]
    missing = [name for name in sources if name not in counts]
    if unknown:
        problems.append(f'{word} name {unknown}, which the data set does not have')
    if missing:
        problems.append(
            f'{word} lack {missing}; leave the source out of the data set if it is not to be used'
        )
    return problems
