"""mmdet's color operations made fast: the same images under the same seed."""

import numpy as np
import pytest
from mmdet.registry import TRANSFORMS

from mmssod.datasets.transforms.fast_colors import equalizing_table

NAMES = ['AutoContrast', 'Brightness', 'Color', 'Contrast', 'Equalize', 'Sharpness', 'Solarize']


def images():
    """Noise, few values, one value, one pixel, a dark photo-like ramp."""
    random = np.random.RandomState(0)
    ramp = np.linspace(10, 150, 60 * 45 * 3).reshape(45, 60, 3).astype(np.uint8)
    return [
        random.randint(0, 256, (45, 60, 3), dtype=np.uint8),
        random.choice(np.uint8([0, 7, 255]), (45, 60, 3)),
        np.full((20, 30, 3), 77, np.uint8),
        np.uint8([[[3, 200, 90]]]),
        ramp,
    ]


def run(kind, image, seed, **settings):
    np.random.seed(seed)
    transform = TRANSFORMS.build(dict(type=kind, **settings))
    found = transform(dict(img=image.copy()))['img']
    return found, np.random.rand()  # where the generator stands afterwards


@pytest.mark.parametrize('name', NAMES)
def test_same_pixels_as_mmdet(name):
    most = 1 if name == 'Sharpness' else 0
    changed = 0
    for image in images():
        for seed in range(8):
            expected, their_next = run(name, image, seed)
            found, our_next = run(f'Fast{name}', image, seed)
            assert found.dtype == np.uint8 and found.shape == image.shape
            gap = np.abs(expected.astype(int) - found)
            assert gap.max() <= most, (seed, image.shape)
            assert our_next == their_next
            changed += not np.array_equal(found, image)
    assert changed > 0


@pytest.mark.parametrize('name', NAMES)
def test_the_array_that_came_in_stays(name):
    image = images()[0]
    before = image.copy()
    TRANSFORMS.build(dict(type=f'Fast{name}'))(dict(img=image))
    assert np.array_equal(image, before)


@pytest.mark.parametrize('name', NAMES)
def test_settings_and_probability_are_mmdets(name):
    image = images()[-1]
    settings = dict(prob=0.5, min_mag=0.3, max_mag=0.4)
    same = 0
    for seed in range(20):
        expected, _ = run(name, image, seed, **settings)
        found, _ = run(f'Fast{name}', image, seed, **settings)
        assert np.abs(expected.astype(int) - found).max() <= 1
        same += np.array_equal(found, image)
    assert 0 < same < 20


@pytest.mark.parametrize('name', ['Brightness', 'Solarize', 'Color'])
def test_other_images_go_to_mmdet(name):
    image = images()[0].astype(np.float32)
    expected, _ = run(name, image, 0)
    found, _ = run(f'Fast{name}', image, 0)
    assert found.dtype == expected.dtype and np.array_equal(found, expected)


def test_equalizing_table_by_hand():
    histogram = np.zeros(256, np.int64)
    histogram[[10, 20, 30]] = 510, 510, 300  # the last one does not count: step (1320 - 300) / 255
    table = equalizing_table(histogram)
    assert table[[10, 20, 30]].tolist() == [0, (510 + 2) // 4, 255]
    assert equalizing_table(np.eye(1, 256, 5, dtype=np.int64)[0]).tolist() == list(range(256))
