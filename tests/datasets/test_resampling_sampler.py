"""Labeled images of rare classes and with large objects, met more often."""

import numpy as np
import pytest

from mmssod.datasets import ResamplingSampler, SemiDataset, SourceSampler
from mmssod.datasets.resampling_sampler import LARGE, kinds_of, repeat_factors, whole_times


def instance(label, side=10, **flags):
    return dict(bbox=[0, 0, side, side], bbox_label=label, **flags)


def test_kinds_of_an_image():
    boxes = [instance(2), instance(2), instance(1, side=96), instance(3, ignore_flag=1)]
    assert kinds_of(boxes, 96.0**2) == {1, 2, LARGE}
    assert kinds_of(boxes, 96.0**2 + 1) == {1, 2}
    assert kinds_of([], 1.0) == set()


def test_how_often_an_image_is_met_by_hand():
    """Of 16 images all have class 0, one class 1, four a large object; limits 1/4 and 1."""
    images = [{0}] * 11 + [{0, LARGE}] * 4 + [{0, 1}]
    factors = repeat_factors(images, 0.25, {LARGE: 1.0})
    assert factors.tolist() == [1.0] * 11 + [2.0] * 5  # sqrt(1 / (1/4)), sqrt((1/4) / (1/16))
    assert repeat_factors([{0, 1, LARGE}, {0}], 0.0, {LARGE: 0.0}).tolist() == [1, 1]
    assert repeat_factors([set()], 1.0, {}).tolist() == [1]


def test_remainders_are_carried_on():
    assert whole_times(np.array([1.25] * 8)).tolist() == [1, 2, 1, 1, 1, 2, 1, 1]
    assert whole_times(np.array([1.0, 2.5, 1.0, 2.5])).tolist() == [1, 3, 1, 2]
    factors = 1 + np.random.RandomState(0).rand(1000)
    times = whole_times(factors)
    assert (abs(times - factors) < 1).all()
    assert abs(np.cumsum(times) - np.cumsum(factors)).max() <= 0.5


class Images:
    """So many images of 40 x 30 px, the last of them of class 1."""

    metainfo = dict(classes=('a', 'b'))

    def __init__(self, number, upright=()):
        self.infos = [
            dict(width=40, height=50 if i in upright else 30, instances=[instance(i == number - 1)])
            for i in range(number)
        ]

    def __len__(self):
        return len(self.infos)

    def __getitem__(self, index):
        return index

    def get_data_info(self, index):
        return self.infos[index]


@pytest.mark.parametrize('upright', [(), (2, 3)])
def test_an_epoch_meets_the_rare_image_twice(upright):
    data = SemiDataset(labeled=Images(4, upright), unlabeled=Images(6))
    counts = dict(labeled=2, unlabeled=2)
    plain = SourceSampler(data, counts, seed=3)
    often = ResamplingSampler(data, counts, class_share=1.0, large_share=0.0, seed=3)
    assert (
        sum(map(len, often.streams[0].groups)) == 5
    )  # sqrt(1 / (1/4)) = 2, and 3/4 is sqrt(4/3) = 1.15
    met = [key.index for number in range(10) for key in often.batch(number)[:2]]
    assert np.bincount(met).tolist() == [4, 4, 4, 8]
    assert [often.batch(n) for n in range(9)] == [often.batch(n) for n in range(9)]
    for number in range(9):
        assert often.batch(number)[2:] == plain.batch(number)[2:]
    same = ResamplingSampler(data, counts, class_share=0.0, large_share=0.0, seed=3)
    assert [same.batch(n) for n in range(9)] == [plain.batch(n) for n in range(9)]


def test_limits_outside_their_range():
    data = SemiDataset(labeled=Images(4), unlabeled=Images(6))
    with pytest.raises(ValueError, match=r'in \[0, 1\], got 2 and 0.5'):
        ResamplingSampler(data, dict(labeled=1, unlabeled=1), class_share=2)
