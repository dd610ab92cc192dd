"""The cache of images: equal to the steps it stands for, to the last bit, whatever happens to its files."""

import os
from multiprocessing import get_context

import cv2
import numpy as np
import pytest
from mmcv.transforms import Compose
from mmengine.registry import DefaultScope
from PIL import Image

from mmssod.datasets import LabeledDataset, UnlabeledDataset
from mmssod.datasets.image_cache import CachedSteps, with_cache
from mmssod.datasets.image_files import UnreadableImageError
from mmssod.datasets.transforms import LoadWholeImage

STEPS = [
    dict(type='LoadWholeImage', backend_args=None),
    dict(type='Resize', scale=(40, 32), keep_ratio=True),
]
FILES = ('wide.png', 'turned.jpg', 'gray.png', 'small.png')


@pytest.fixture(autouse=True)
def scope():
    with DefaultScope.overwrite_default_scope('mmdet'):
        yield


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / 'images'
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (50, 90, 3), dtype=np.uint8)
    cv2.imwrite(str(folder / 'wide.png'), pixels)
    cv2.imwrite(str(folder / 'gray.png'), pixels[..., 0])
    cv2.imwrite(str(folder / 'small.png'), pixels[:7, :5])
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.fromarray(pixels).save(folder / 'turned.jpg', exif=exif)
    return folder


@pytest.fixture
def decoded(monkeypatch):
    """Names of the files that were decoded."""
    names, plain = [], LoadWholeImage._read
    monkeypatch.setattr(
        LoadWholeImage,
        '_read',
        lambda self, path: names.append(os.path.basename(path)) or plain(self, path),
    )
    return names


def same(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert type(found[key]) is type(value), key
        if isinstance(value, np.ndarray):
            assert found[key].dtype == value.dtype
            np.testing.assert_array_equal(found[key], value)
        else:
            assert found[key] == value
            assert repr(found[key]) == repr(value), key  # the types within


def cached_files(folder):
    return sorted(folder.rglob('*.image'))


def record(images, name='wide.png', **more):
    return dict(img_path=str(images / name), img_id=3, instances=[], **more)


@pytest.mark.parametrize('number', [1, 2])
@pytest.mark.parametrize('name', FILES)
def test_first_and_second_time_are_the_steps(images, tmp_path, decoded, name, number):
    plain = Compose([dict(step) for step in STEPS[:number]])(record(images, name))
    decoded.clear()
    steps = CachedSteps(STEPS[:number], tmp_path / 'cache')
    for _ in range(2):
        same(steps(record(images, name)), plain)
    assert decoded == [name]
    again = CachedSteps(STEPS[:number], tmp_path / 'cache')(record(images, name))
    assert decoded == [name]
    again['img'][:] = 0  # a later step may write into it
    same(steps(record(images, name)), plain)


def test_other_steps_and_changed_files_are_made_again(images, tmp_path, decoded):
    CachedSteps(STEPS, tmp_path / 'cache')(record(images))
    larger = [STEPS[0], dict(STEPS[1], scale=(80, 64))]
    assert CachedSteps(larger, tmp_path / 'cache')(record(images))['img'].shape[1] == 80
    assert decoded == ['wide.png'] * 2
    cv2.imwrite(str(images / 'wide.png'), np.full((50, 90, 3), 7, np.uint8))
    os.utime(images / 'wide.png', ns=(1, 1))
    assert (CachedSteps(STEPS, tmp_path / 'cache')(record(images))['img'] == 7).all()


@pytest.mark.parametrize('damage', [b'', b'\x93NUMPY', None, b'not an array'])
def test_a_damaged_file_is_made_again(images, tmp_path, damage):
    steps = CachedSteps(STEPS, tmp_path / 'cache')
    plain = steps(record(images))
    (file,) = cached_files(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] if damage is None else damage)
    same(steps(record(images)), plain)
    assert file.read_bytes() == whole


def test_the_limit_holds_over_processes(images, tmp_path, decoded):
    one = 40 * 22 * 3
    for _ in range(2):
        steps = CachedSteps(STEPS, tmp_path / 'cache', limit=2.5 * one / 2**30)
        for name in FILES[:3] * 2:
            steps(record(images, name))
        assert sum(file.stat().st_size for file in cached_files(tmp_path)) <= 2.5 * one
    assert 1 <= len(cached_files(tmp_path)) <= 2


def test_an_unreadable_image_and_a_full_disk(images, tmp_path, monkeypatch):
    steps = CachedSteps(STEPS, tmp_path / 'cache')
    (images / 'broken.png').write_bytes(b'no image')
    with pytest.raises(UnreadableImageError, match=r'broken\.png'):
        steps(record(images, 'broken.png'))
    with pytest.raises(UnreadableImageError, match=r'missing\.png'):
        steps(record(images, 'missing.png'))
    assert not cached_files(tmp_path)
    (tmp_path / 'cache').write_text('a file where the folder should be')
    plain = Compose([dict(step) for step in STEPS])(record(images))
    same(steps(record(images)), plain)


def work(folder, images):
    with DefaultScope.overwrite_default_scope('mmdet'):
        steps = CachedSteps(STEPS, folder)
        for name in FILES * 5:
            steps(dict(img_path=f'{images}/{name}'))


def test_several_processes_share_a_folder(images, tmp_path, decoded):
    workers = [
        get_context('fork').Process(target=work, args=(tmp_path / 'cache', images)) for _ in '123'
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(cached_files(tmp_path)) == len(FILES)
    assert not list(tmp_path.rglob('*.part'))
    work(tmp_path / 'cache', images)
    assert not decoded


def test_only_constant_steps_at_the_beginning_are_kept():
    cache = dict(folder='somewhere', limit=1.0)
    flip = dict(type='RandomFlip', prob=0.5)
    kept, *rest = with_cache([*STEPS, flip, STEPS[1]], cache)
    assert kept == dict(type='CachedSteps', steps=STEPS, **cache)
    assert rest == [flip, STEPS[1]]
    as_class = dict(type=LoadWholeImage)
    assert with_cache([as_class, flip], cache)[0]['steps'] == [as_class]
    assert with_cache([*STEPS, flip], None) == [*STEPS, flip]
    with pytest.raises(ValueError, match=r'(?s)begins with one of.*fix: cache=None'):
        with_cache([flip, *STEPS], cache)
    with pytest.raises(ValueError, match='some of'):
        CachedSteps([*STEPS, flip], 'somewhere')
    with pytest.raises(ValueError, match='above 0, got 0'):
        CachedSteps(STEPS, 'somewhere', limit=0)


def test_data_sets_give_the_same_samples(images, tmp_path, decoded):
    def samples(cache):
        data = UnlabeledDataset(str(images), pipeline=STEPS, cache=cache)
        return [data[place] for place in range(len(data))]

    plain = samples(None)
    for _ in range(2):
        decoded.clear()
        for found, expected in zip(samples(dict(folder=tmp_path / 'cache')), plain, strict=True):
            same(found, expected)
    assert not decoded
    labeled = LabeledDataset(lazy_init=True, pipeline=STEPS, cache=dict(folder='somewhere'))
    assert isinstance(labeled.pipeline.transforms[0], CachedSteps)
