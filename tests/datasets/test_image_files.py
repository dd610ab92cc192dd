"""Damaged images: seen without decoding, skipped in a fixed way, told across workers."""

import os
import pickle

import cv2
import numpy as np
import pytest
from builders.small_images import write_image
from mmcv.transforms import LoadImageFromFile
from mmdet.registry import DATASETS
from PIL import Image
from torch.utils.data import DataLoader

from mmssod.datasets import SampleKey, UnlabeledDataset
from mmssod.datasets.aspect import header_size
from mmssod.datasets.image_files import UnreadableImageError, cut_off, image_fault
from mmssod.datasets.image_files import header_size as content_size
from mmssod.datasets.skipped_images import SkippedImages
from mmssod.datasets.transforms import LoadWholeImage

PIXELS = np.random.RandomState(0).randint(0, 256, (30, 40, 3), np.uint8)


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_every_cut_is_seen(suffix):
    content = cv2.imencode(suffix, PIXELS)[1].tobytes()
    assert not cut_off(content)
    ends = len(content) - (8 if suffix == '.png' else 1)  # a PNG may lack its last checksum
    assert all(cut_off(content[:end]) for end in range(8, ends, 37))


def test_progressive_and_restart_markers_are_whole():
    for options in ([cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 1]):
        content = cv2.imencode('.jpg', PIXELS, options)[1].tobytes()
        assert image_fault(content) is None and image_fault(content[:-2]) == 'truncated'


@pytest.mark.parametrize('name', ['a.jpg', 'a.png', 'a.bmp', 'a.webp', 'a.tif'])
def test_pixels_are_those_of_mmcv(tmp_path, name):
    cv2.imwrite(str(tmp_path / name), PIXELS)
    info = dict(img_path=str(tmp_path / name))
    ours, theirs = LoadWholeImage()(dict(info)), LoadImageFromFile()(dict(info))
    assert np.array_equal(ours['img'], theirs['img'])
    assert ours['img_shape'] == theirs['img_shape'] and ours['ori_shape'] == theirs['ori_shape']


@pytest.mark.parametrize('orientation', [1, 3, 6, 8])
@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP', 'TIFF'])
def test_the_size_of_the_header_is_that_of_the_pixels(kind, orientation, tmp_path):
    """Both functions, whatever the format does with its EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    more = dict(tiffinfo={0x0112: orientation}) if kind == 'TIFF' else dict(exif=exif)
    path = tmp_path / 'a.img'
    Image.fromarray(PIXELS).save(path, kind, **more)
    height, width = LoadWholeImage()(dict(img_path=str(path)))['img'].shape[:2]
    assert header_size(str(path)) == (width, height)
    assert content_size(path.read_bytes()) == (width, height)


def test_limits_are_settings(tmp_path):
    write_image(tmp_path / 'a.png', 40, 10)
    info = dict(img_path=str(tmp_path / 'a.png'))
    for options in (dict(max_pixels=399), dict(max_aspect=3.9)):
        with pytest.raises(UnreadableImageError, match=r'a\.png: 40 x 10'):
            LoadWholeImage(**options)(dict(info))
    assert LoadWholeImage(max_pixels=400, max_aspect=4.0)(info)['img'].shape == (10, 40, 3)


# ------------------------------------------------------------------ the list


def test_a_list_is_shared_by_processes_and_removed_with_its_owner():
    skipped = SkippedImages()
    assert skipped.read() == {} and not os.path.exists(skipped.path)
    skipped.add('/u/b', 'b: no')
    child = os.fork()
    if not child:
        pickle.loads(pickle.dumps(skipped)).add('/u/a', 'a: no')
        os._exit(0)
    os.waitpid(child, 0)
    skipped.add('/u/b', 'b: no')
    assert skipped.read() == {'/u/b': 'b: no', '/u/a': 'a: no'}
    with open(skipped.path, 'a') as stream:
        stream.write('["cut')  # a worker that was killed
    assert len(skipped.read()) == 2
    path = skipped.path
    del skipped
    assert not os.path.exists(path)


# ------------------------------------------------------------------ data sets


@pytest.fixture
def folder(tmp_path):
    for number in range(6):
        write_image(tmp_path / f'{number}.png', 20, 10 + number)
    for number in (1, 2, 5):
        (tmp_path / f'{number}.png').write_bytes(b'')
    return tmp_path


def build(folder, **options):
    return UnlabeledDataset(str(folder), pipeline=[dict(type='LoadWholeImage')], **options)


def heights(samples):
    return [sample['img'].shape[0] for sample in samples]


def test_the_next_one_stands_in(folder):
    dataset = build(folder)
    assert heights(dataset[n] for n in range(6)) == [10, 13, 13, 13, 14, 10]
    assert [os.path.basename(path) for path in dataset.skipped.read()] == [
        '1.png',
        '2.png',
        '5.png',
    ]


@pytest.mark.parametrize('workers', [0, 2])
def test_workers_change_nothing_and_tell(folder, workers):
    labeled = build(folder)
    dataset = DATASETS.build(dict(type='SemiDataset', labeled=labeled))
    keys = [SampleKey(n, seed=n) for n in range(6)]
    loader = DataLoader(dataset, sampler=keys, batch_size=2, num_workers=workers, collate_fn=list)
    assert heights(sample for batch in loader for sample in batch) == [10, 13, 13, 13, 14, 10]
    assert len(labeled.skipped.read()) == 3


def test_none_readable_is_an_error(folder):
    for number in range(6):
        (folder / f'{number}.png').write_bytes(b'')
    with pytest.raises(UnreadableImageError, match='4 images .* in a row cannot be read'):
        build(folder, max_refetch=3)[0]


def test_other_errors_are_not_hidden(folder):
    def fails(results):
        raise KeyError('a fault of the pipeline')

    dataset = UnlabeledDataset(str(folder), pipeline=[dict(type='LoadWholeImage'), fails])
    with pytest.raises(KeyError):
        dataset[0]
