"""Combines labeled and unlabeled images into one data set whose samples are drawn by source."""

import bisect
from collections.abc import Mapping, Sequence
from operator import index as as_index
from typing import Any

import numpy as np
from mmdet.registry import DATASETS
from torch.utils.data import Dataset

from mmssod.datasets.aspect import aspect_ratios
from mmssod.datasets.sample_key import SampleKey, seeded
from mmssod.datasets.transforms.steps import as_list
from mmssod.environment.errors import InputError


@DATASETS.register_module()
class SemiDataset(Dataset):
    """A labeled source and any number of others, given by keyword, behind one index.

    The sources lie one behind the other, labeled first, then the others as given. ``dataset[7]`` is
    a sample with whatever randomness there is; ``dataset[SampleKey(7, seed)]`` is the same sample
    whenever, wherever and after whatever it is asked for: the pipeline runs on generators that
    start from the seed and are put back afterwards. (A transform with a generator of its own, such
    as recent versions of albumentations have, is outside this law.)

    Args:
        labeled: mmdet data set, or its config, with boxes. Its ``metainfo`` is that of the whole.
            A config's pipeline may be a dict of named steps; the same holds for all sources.
        lazy_init: Leaves reading the sources to ``full_init``.
        **sources: Further data sets or configs, usually ``unlabeled``; ``None`` stands for an
            absent one.

    Attributes:
        sources: Name -> data set.
        offsets: Name -> index of its first image (after ``full_init``).

    Raises:
        TypeError: A source is neither a data set nor a config.
        ValueError: A source has no image, or other classes than the labeled one.
    """

    def __init__(self, *, labeled: Any, lazy_init: bool = False, **sources: Any) -> None:
        given = {
            'labeled': labeled,
            **{name: source for name, source in sources.items() if source is not None},
        }
        self.sources = {name: _build(name, source, lazy_init) for name, source in given.items()}
        self.offsets: dict[str, int] = {}
        self._starts: list[int] = []
        self._length = 0
        self._fully_initialized = False
        self._require_equal_classes()
        if not lazy_init:
            self.full_init()

    @property
    def metainfo(self) -> dict[str, Any]:
        """The labeled source's metainfo: classes, palette."""
        return self.sources['labeled'].metainfo

    def full_init(self) -> None:
        """Reads all sources, once."""
        if self._fully_initialized:
            return
        for name, source in self.sources.items():
            if hasattr(source, 'full_init'):
                source.full_init()
            if len(source) == 0:
                raise InputError(
                    f'source {name!r} has no image: check its annotation file and its filter_cfg'
                )
            self.offsets[name] = self._length
            self._starts.append(self._length)
            self._length += len(source)
        self._fully_initialized = True

    def __len__(self) -> int:
        """Number of images of all sources together."""
        self.full_init()
        return self._length

    def locate(self, index: int) -> tuple[str, int]:
        """The source of image ``index``, and its index there; negative ones count from the end."""
        index = as_index(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f'index {index} is out of range for {len(self)} images')
        index %= len(self)
        place = bisect.bisect_right(self._starts, index) - 1
        return list(self.sources)[place], index - self._starts[place]

    def __getitem__(self, key: int | SampleKey) -> Any:
        """The sample at ``key`` as its source's pipeline returns it."""
        if not isinstance(key, SampleKey):
            name, local = self.locate(key)
            return self.sources[name][local]
        name, local = self.locate(key.index)
        with seeded(key.seed):
            return self.sources[name][local]

    def __getitems__(self, keys: Sequence[int | SampleKey | None]) -> list[Any]:
        """The samples of a batch, as torch's loader asks for them; of ``None``, an image that is left out, none."""
        return [self[key] for key in keys if key is not None]

    def get_data_info(self, index: int) -> dict[str, Any]:
        """What is known of image ``index`` before the pipeline: path, id, size, instances."""
        name, local = self.locate(index)
        return self.sources[name].get_data_info(local)

    def get_cat_ids(self, index: int) -> list[int]:
        """Labels of the boxes of image ``index``; empty for an unlabeled one."""
        name, local = self.locate(index)
        return self.sources[name].get_cat_ids(local)

    def aspect_ratios(self, name: str) -> np.ndarray:
        """Width / height of each image of source ``name``, (N,) float64; see ``aspect_ratios``."""
        self.full_init()
        return aspect_ratios(self.sources[name])

    def __repr__(self) -> str:
        parts = [
            f'{name}={len(s) if self._fully_initialized else "not read"}'
            for name, s in self.sources.items()
        ]
        return f'{type(self).__name__}({", ".join(parts)})'

    def _require_equal_classes(self) -> None:
        expected = self.metainfo.get('classes')
        for name, source in self.sources.items():
            found = source.metainfo.get('classes')
            if found is not None and expected is not None and tuple(found) != tuple(expected):
                raise InputError(
                    f'source {name!r} has other classes than the labeled one:\n'
                    f'  labeled: {list(expected)}\n  {name}: {list(found)}\n'
                    'Give both the same metainfo=dict(classes=...), or none to an UnlabeledDataset'
                )


def _build(name: str, source: Any, lazy_init: bool) -> Any:
    if isinstance(source, Mapping):
        config = dict(source, lazy_init=True) if lazy_init else dict(source)
        if 'pipeline' in config:
            config['pipeline'] = as_list(config['pipeline'])
        return DATASETS.build(config)
    if hasattr(source, '__getitem__') and hasattr(source, 'metainfo'):
        return source
    raise TypeError(
        f'source {name!r} must be a data set or its config dict, got {type(source).__name__}'
    )
