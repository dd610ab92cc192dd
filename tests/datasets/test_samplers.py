"""Laws of the sampler: exact counts, every image once an epoch, pure in (seed, batch number)."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from builders.fakes import FakeSources
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.registry import DATA_SAMPLERS
from torch.utils.data import DataLoader

from mmssod.datasets import SampleKey, SourceSampler, samplers


def wide(count: int) -> list[float]:
    return [2.0] * count


def mixed(landscape: int, upright: int) -> list[float]:
    return (
        [1.5, 0.5] * min(landscape, upright)
        + [1.0] * (landscape - upright)
        + [0.7] * (upright - landscape)
    )


def batches(sampler: SourceSampler, number: int) -> list[list[SampleKey]]:
    size, samples = sampler.batch_size, iter(sampler)
    return [list(islice(samples, size)) for _ in range(number)]


@pytest.fixture
def world(monkeypatch):
    """Sets rank and number of processes of the samplers built from then on."""

    def set_world(rank: int, size: int) -> None:
        monkeypatch.setattr(samplers, 'get_dist_info', lambda: (rank, size))

    return set_world


@pytest.mark.parametrize('grouping', [False, True])
@pytest.mark.parametrize(
    ('labeled', 'unlabeled', 'counts'),
    [
        (wide(1), wide(1), (1, 1)),  # one image each
        (wide(2), wide(3), (5, 4)),  # sources smaller than their counts
        (wide(7), mixed(9, 4), (1, 4)),
        (mixed(1, 30), mixed(30, 1), (3, 2)),
        ([0.5] * 6, [float('nan')] * 5, (2, 2)),  # one orientation only; no sizes
        ([float('nan'), 0.5, 2.0, float('nan')], mixed(5, 5), (2, 3)),
    ],
)
def test_exact_counts_in_order_and_every_image_equally_often(labeled, unlabeled, counts, grouping):
    dataset = FakeSources(labeled=labeled, unlabeled=unlabeled)
    sampler = SourceSampler(
        dataset, dict(zip(dataset.sources, counts, strict=True)), seed=3, aspect_grouping=grouping
    )
    cycle = len(labeled) * len(unlabeled)  # batches after which every group ends an epoch
    drawn = batches(sampler, cycle)
    seen = Counter()
    for batch in drawn:
        places = [key.index for key in batch]
        assert all(i < len(labeled) for i in places[: counts[0]])
        assert all(len(labeled) <= i < len(dataset) for i in places[counts[0] :])
        seen.update(places)
    assert [seen[i] for i in range(len(labeled))] == [counts[0] * len(unlabeled)] * len(labeled)
    assert {seen[len(labeled) + i] for i in range(len(unlabeled))} == {counts[1] * len(labeled)}


def test_every_image_once_an_epoch():
    sampler = SourceSampler(FakeSources(labeled=wide(10)), dict(labeled=4), seed=0)
    indices = [key.index for key in islice(sampler, 30)]
    epochs = [indices[i : i + 10] for i in (0, 10, 20)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]  # an order of its own
    other = SourceSampler(FakeSources(labeled=wide(10)), dict(labeled=4), seed=1)
    assert [key.index for key in islice(other, 10)] != epochs[0]


def test_sample_seeds_differ_all_through():
    dataset = FakeSources(labeled=mixed(3, 2), unlabeled=mixed(2, 3))
    sampler = SourceSampler(dataset, dict(labeled=2, unlabeled=2), seed=0)
    keys = list(islice(sampler, 2000))
    assert len({key.seed for key in keys}) == len(keys)
    assert all(0 <= key.seed < 2**32 for key in keys)


@given(
    skipped=st.integers(0, 10**9),
    counts=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    shape=st.tuples(*[st.integers(1, 6)] * 4),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=60, deadline=None)
def test_skip_is_the_stream_from_there(skipped, counts, shape, seed):
    dataset = FakeSources(labeled=mixed(*shape[:2]), unlabeled=mixed(*shape[2:]))
    sampler = SourceSampler(dataset, dict(labeled=counts[0], unlabeled=counts[1]), seed=seed)
    near = skipped % 101
    expected = list(islice(sampler, near, near + 20))
    sampler.skip(near)
    assert list(islice(sampler, 20)) == expected
    sampler.skip(skipped)  # constant time, however far
    number, within = divmod(skipped, sampler.batch_size)
    assert next(iter(sampler)) == sampler.batch(number)[within]


@given(
    first=st.integers(0, 12),
    skipped=st.integers(0, 60),
    counts=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    shape=st.tuples(*[st.integers(1, 5)] * 4),
)
@settings(max_examples=60, deadline=None)
def test_a_late_source_leaves_its_places_empty_and_changes_no_other(first, skipped, counts, shape):
    """Also from anywhere on, before, at and after its start."""
    dataset = FakeSources(labeled=mixed(*shape[:2]), unlabeled=mixed(*shape[2:]))
    counts = dict(labeled=counts[0], unlabeled=counts[1])
    whole = SourceSampler(dataset, counts, seed=5)
    late = SourceSampler(dataset, counts, seed=5)
    late.wait(first)
    for number, (with_all, some) in enumerate(
        zip(batches(whole, 25), batches(late, 25), strict=True)
    ):
        if number < first:
            with_all = with_all[: counts['labeled']] + [None] * counts['unlabeled']
        assert some == with_all
        assert late.images(number) == sum(key is not None for key in some)
    expected = list(islice(late, skipped, skipped + 20))
    late.skip(skipped)
    assert list(islice(late, 20)) == expected


def test_a_late_source_starts_at_the_same_iteration_of_every_process(world):
    dataset = FakeSources(labeled=wide(5), unlabeled=wide(7))
    for rank in (0, 1):
        world(rank, 2)
        drawn = []
        for wait in (3, 0):
            sampler = SourceSampler(dataset, dict(labeled=1, unlabeled=1), seed=5)
            sampler.wait(wait)
            drawn.append(batches(sampler, 5))
        assert [batch[1] is None for batch in drawn[0]] == [True, True, True, False, False]
        assert [batch[0] for batch in drawn[0]] == [batch[0] for batch in drawn[1]]
        assert drawn[0][3:] == drawn[1][3:]


@pytest.mark.parametrize('processes', [2, 3])
def test_processes_together_see_what_one_sees(world, processes):
    dataset = FakeSources(labeled=mixed(4, 3), unlabeled=wide(11))
    counts = dict(labeled=1, unlabeled=2)
    world(0, 1)
    total = {name: processes * count for name, count in counts.items()}
    one = batches(SourceSampler(dataset, total, seed=5, aspect_grouping=False), 40)
    many = []
    for rank in range(processes):
        world(rank, processes)
        sampler = SourceSampler(dataset, counts, seed=5, aspect_grouping=False)
        many.append(batches(sampler, 40))
    for number, whole in enumerate(one):
        parts = [key for drawn in many for key in drawn[number]]
        assert Counter(parts) == Counter(whole)  # the same images with the same seeds


def test_processes_with_groups_share_one_sequence_of_batches(world):
    dataset = FakeSources(labeled=mixed(8, 5))
    world(0, 1)
    one = batches(SourceSampler(dataset, dict(labeled=2), seed=5), 40)
    for rank in (0, 1):
        world(rank, 2)
        assert batches(SourceSampler(dataset, dict(labeled=2), seed=5), 20) == one[rank::2]


@given(landscape=st.integers(0, 12), upright=st.integers(0, 12), count=st.integers(2, 5))
@settings(max_examples=40, deadline=None)
def test_one_orientation_a_batch_by_its_share(landscape, upright, count):
    if landscape + upright == 0:
        return
    ratios = np.array(mixed(landscape, upright))
    sampler = SourceSampler(FakeSources(labeled=ratios), dict(labeled=count), seed=1)
    kinds = [{bool(ratios[k.index] < 1) for k in b} for b in batches(sampler, 4 * len(ratios))]
    assert all(len(kind) == 1 for kind in kinds)
    assert sum(kind == {True} for kind in kinds) == 4 * upright


def test_sizes_are_asked_for_only_when_they_matter():
    dataset = FakeSources(labeled=wide(3), unlabeled=mixed(2, 2))
    SourceSampler(dataset, dict(labeled=1, unlabeled=1), seed=0)
    SourceSampler(dataset, dict(labeled=4, unlabeled=4), seed=0, aspect_grouping=False)
    assert dataset.headers_read == 0
    SourceSampler(dataset, dict(labeled=1, unlabeled=4), seed=0)
    assert dataset.headers_read == 1


@pytest.mark.parametrize(
    ('counts', 'message'),
    [
        (dict(labeled=1), r"counts lack \['unlabeled'\]"),
        (dict(labeled=1, unlabelled=1), r"counts name \['unlabelled'\].*Sources .*'unlabeled'"),
        (dict(labeled=0, unlabeled=1), r"counts\['labeled'\] must be a whole number >= 1, got 0"),
        (dict(labeled=1, unlabeled=-2), 'got -2'),
        (dict(labeled=1.0, unlabeled=1), r'got 1\.0'),
        (dict(labeled=True, unlabeled=1), 'got True'),
        ({}, 'counts lack'),
    ],
)
def test_counts_that_do_not_fit(counts, message):
    with pytest.raises(ValueError, match=message):
        SourceSampler(FakeSources(labeled=wide(2), unlabeled=wide(2)), counts, seed=0)


def test_other_errors():
    with pytest.raises(TypeError, match='needs a SemiDataset, got list'):
        SourceSampler([1, 2], dict(labeled=1), seed=0)
    sampler = SourceSampler(FakeSources(labeled=wide(2)), dict(labeled=1), seed=0)
    with pytest.raises(ValueError, match='must be >= 0'):
        sampler.skip(-1)


def test_as_mmengine_builds_and_loads_it():
    dataset = FakeSources(labeled=wide(3), unlabeled=wide(20))
    config = dict(type='SourceSampler', counts=dict(labeled=1, unlabeled=3))
    sampler = DATA_SAMPLERS.build(config, default_args=dict(dataset=dataset, seed=None))
    assert len(sampler) == 23 and sampler.batch_size == 4
    loader = DataLoader(dataset, sampler=sampler, batch_size=4, collate_fn=list)
    assert list(islice(loader, 5)) == batches(sampler, 5)
    sampler.seed += 1  # as after a resume that restores the seed
    assert list(islice(loader, 5)) == batches(sampler, 5)


def test_the_stream_stays_as_it_is():
    """A change here changes every run that is resumed; it belongs in the change log."""
    sampler = SourceSampler(FakeSources(labeled=mixed(3, 2)), dict(labeled=2), seed=7)
    keys = [(key.index, key.seed) for key in islice(sampler, 4)]
    assert keys == [(2, 3754067260), (0, 2311284403), (4, 1718607632), (2, 2758127018)]
