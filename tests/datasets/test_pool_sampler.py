"""Sources as one pool: how often an image comes up, and the laws of the sampler that it is a kind of."""

from collections import Counter
from itertools import islice

import pytest
from builders.fakes import FakeSources

from mmssod.datasets import samplers
from mmssod.methods.multi_phase import PoolSampler


def pool(repeats=None, images=3, seed=0, **ratios):
    repeats = repeats or dict(labeled=2, pseudo=1)
    ratios = ratios or dict(labeled=[1.5] * 4, pseudo=[1.5] * 7)
    return PoolSampler(FakeSources(**ratios), repeats, images, seed=seed)


def indices(sampler, number):
    return [key.index for key in islice(sampler, number)]


@pytest.mark.parametrize('times', [1, 2, 4])
def test_an_epoch_meets_each_image_as_often_as_its_source_is_repeated(times):
    sampler = pool(dict(labeled=times, pseudo=1))
    assert len(sampler) == 4 * times + 7
    counts = Counter(indices(sampler, len(sampler)))
    assert counts == {**dict.fromkeys(range(4), times), **dict.fromkeys(range(4, 11), 1)}


def test_repeats_of_an_image_have_augmentations_of_their_own():
    keys = list(islice(pool(), 15))
    assert len({key.seed for key in keys}) == 15


def test_a_batch_has_one_orientation():
    sampler = pool(images=2, labeled=[0.5, 1.5, 0.5], pseudo=[1.5, 0.5, float('nan')])
    upright = {0, 2, 4}
    batches = [
        set(indices_of) for indices_of in ([k.index for k in sampler.batch(b)] for b in range(40))
    ]
    assert all(batch <= upright or not batch & upright for batch in batches)
    assert set().union(*batches) == set(range(6))


def test_skips_and_processes():
    whole = indices(pool(), 30)
    sampler = pool()
    sampler.skip(12)
    assert indices(sampler, 18) == whole[12:]
    parts = [pool(images=2) for _ in range(2)]
    for rank, part in enumerate(parts):
        part.rank, part.world_size = rank, 2
    one = pool(images=4)
    assert [k for part in parts for k in part.batch(3)] == one.batch(3)


def test_what_is_in_a_batch():
    sampler = pool(images=5)
    assert sampler.batch_size == 5 and sampler.counts == {'pooled': 5}


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(repeats=dict(labeled=1)), r"repeats lack \['pseudo'\]"),
        (dict(repeats=dict(labeled=1, pseudo=1, other=1)), r"repeats name \['other'\]"),
        (dict(repeats=dict(labeled=0, pseudo=1)), r"repeats\['labeled'\] must be a whole number"),
        (dict(images=0), r"images\['pooled'\] must be a whole number"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        pool(**arguments)


def test_only_for_sources():
    with pytest.raises(TypeError, match='needs a SemiDataset, got list'):
        PoolSampler([], {}, 1)
    assert issubclass(PoolSampler, samplers.SourceSampler)
