"""Samples through torch's loader: workers change nothing, resuming changes nothing."""

from itertools import islice

import pytest
from mmdet.registry import DATASETS
from mmengine.dataset import pseudo_collate
from test_semi import config, flat
from torch.utils.data import DataLoader

from mmssod.datasets import SourceSampler


@pytest.fixture
def dataset(image_root):
    return DATASETS.build(config(image_root, serialize_data=True))


def load(dataset, workers: int, number: int, skipped: int = 0) -> list:
    sampler = SourceSampler(dataset, dict(labeled=1, unlabeled=2), seed=3)
    sampler.skip(skipped * sampler.batch_size)
    loader = DataLoader(
        dataset,
        sampler=sampler,
        batch_size=sampler.batch_size,
        num_workers=workers,
        collate_fn=list,
    )
    return [[flat(sample) for sample in batch] for batch in islice(loader, number)]


def test_workers_and_resuming_change_nothing(dataset):
    alone = load(dataset, workers=0, number=6)
    assert load(dataset, workers=2, number=6) == alone
    assert load(dataset, workers=2, number=3, skipped=3) == alone[3:]
    assert [set().union(*map(set, batch)) for batch in alone] == [{'labeled', 'weak', 'strong'}] * 6


def test_a_batch_has_the_form_that_the_data_preprocessor_takes(dataset):
    sampler = SourceSampler(dataset, dict(labeled=1, unlabeled=2), seed=3)
    loader = DataLoader(dataset, sampler=sampler, batch_size=3, collate_fn=pseudo_collate)
    batch = next(iter(loader))
    assert [x is None for x in batch['inputs']['labeled']] == [False, True, True]
    assert [x is None for x in batch['inputs']['strong']] == [True, False, False]
