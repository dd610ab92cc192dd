"""Samples through torch's loader: workers change nothing, resuming changes nothing."""

from itertools import islice

import pytest
from mmdet.registry import DATASETS, MODELS
from mmengine.dataset import pseudo_collate
from test_semi import config, flat
from torch.utils.data import DataLoader

from mmssod.datasets import SourceSampler


@pytest.fixture
def dataset(image_root):
    return DATASETS.build(config(image_root, serialize_data=True))


def load(dataset, workers: int, number: int, skipped: int = 0, wait=0) -> list:
    sampler = SourceSampler(dataset, dict(labeled=1, unlabeled=2), seed=3)
    sampler.wait(wait)
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


@pytest.mark.parametrize('workers', [0, 2])
def test_a_late_source_is_not_loaded_before_its_start(dataset, workers):
    """Whatever workers fetch ahead, and resumed before, at and after the start."""
    alone = load(dataset, workers=0, number=6)
    expected = [batch[:1] for batch in alone[:3]] + alone[3:]
    assert load(dataset, workers, number=6, wait=3) == expected
    for skipped in (2, 3, 4):
        assert load(dataset, workers, 6 - skipped, skipped, wait=3) == expected[skipped:]


def test_no_image_of_a_late_source_is_read(dataset, monkeypatch):
    read = []
    source = dataset.sources['unlabeled']
    prepare = source.prepare_data
    monkeypatch.setattr(source, 'prepare_data', lambda index: read.append(index) or prepare(index))
    load(dataset, workers=0, number=3, wait=3)
    assert not read
    load(dataset, workers=0, number=4, wait=3)
    assert len(read) == 2


def test_the_data_preprocessor_takes_a_batch_without_a_source(dataset):
    sampler = SourceSampler(dataset, dict(labeled=1, unlabeled=2), seed=3)
    sampler.wait(1)
    loader = DataLoader(dataset, sampler=sampler, batch_size=3, collate_fn=pseudo_collate)
    config = dict(type='BranchDataPreprocessor', data_preprocessor=dict(type='DetDataPreprocessor'))
    first, second = (MODELS.build(config)(batch, training=True) for batch in islice(loader, 2))
    assert set(first['inputs']) == {'labeled'} and len(first['inputs']['labeled']) == 1
    assert {name: len(part) for name, part in first['data_samples'].items()} == dict(
        labeled=1, weak=0, strong=0
    )
    assert {name: len(part) for name, part in second['inputs'].items()} == dict(
        labeled=1, weak=2, strong=2
    )


def test_a_batch_has_the_form_that_the_data_preprocessor_takes(dataset):
    sampler = SourceSampler(dataset, dict(labeled=1, unlabeled=2), seed=3)
    loader = DataLoader(dataset, sampler=sampler, batch_size=3, collate_fn=pseudo_collate)
    batch = next(iter(loader))
    assert [x is None for x in batch['inputs']['labeled']] == [False, True, True]
    assert [x is None for x in batch['inputs']['strong']] == [True, False, False]
