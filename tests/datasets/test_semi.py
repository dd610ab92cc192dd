"""One index over the sources, and samples that depend on their key alone."""

import random

import numpy as np
import pytest
import torch
from builders.small_images import SIZES, coco_of, write_json
from mmdet.registry import DATASETS

from mmssod.datasets import SampleKey, SemiDataset, aspect_ratios, seeded

NAMES = sorted(SIZES)
BRANCHES = ['labeled', 'weak', 'strong']
META = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'flip', 'flip_direction')
PACK = dict(type='PackDetInputs', meta_keys=(*META, 'homography_matrix'))
FLIP = dict(type='RandomFlip', prob=0.5)


def config(root, serialize_data: bool = False, **unlabeled) -> dict:
    write_json(root / 'labeled.json', coco_of(NAMES[:2]))
    labeled_pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations', with_bbox=True),
        dict(type='Resize', scale=(32, 32), keep_ratio=True),
        FLIP,
        dict(type='MultiBranch', branch_field=BRANCHES, labeled=PACK),
    ]
    strong = [
        FLIP,
        dict(type='ColorJitter'),
        dict(type='StrongGrayscale'),
        dict(type='GaussianBlur'),
        dict(type='StrongErasing'),
        PACK,
    ]
    unlabeled_pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='Resize', scale=(32, 32), keep_ratio=True),
        dict(type='MultiBranch', branch_field=BRANCHES, weak=[FLIP, PACK], strong=strong),
    ]
    return dict(
        type='SemiDataset',
        labeled=dict(
            type='CocoDataset',
            ann_file='labeled.json',
            data_root=str(root),
            data_prefix=dict(img='images'),
            metainfo=dict(classes=('thing',)),
            serialize_data=serialize_data,
            pipeline=labeled_pipeline,
        ),
        unlabeled=dict(
            type='UnlabeledDataset',
            images='images',
            data_root=str(root),
            serialize_data=serialize_data,
            **unlabeled,
            pipeline=unlabeled_pipeline,
        ),
    )


@pytest.fixture
def dataset(image_root) -> SemiDataset:
    return DATASETS.build(config(image_root))


def global_draws() -> tuple:
    return random.random(), float(np.random.random_sample()), float(torch.rand(()))


def flat(sample: dict) -> dict:
    """Everything of a sample that could differ, in comparable form."""
    values = {}
    for branch, image in sample['inputs'].items():
        if image is not None:
            data = sample['data_samples'][branch]
            boxes = data.gt_instances.get('bboxes')
            boxes = None if boxes is None else boxes.tensor.tolist()
            meta = str(sorted(data.metainfo.items()))
            values[branch] = (image.numpy().tobytes(), image.shape, meta, boxes)
    return values


def test_one_index(dataset):
    assert len(dataset) == 7
    assert dataset.offsets == dict(labeled=0, unlabeled=2)
    assert [dataset.locate(i) for i in (0, 1, 2, 6, -1)] == [
        ('labeled', 0),
        ('labeled', 1),
        ('unlabeled', 0),
        ('unlabeled', 4),
        ('unlabeled', 4),
    ]
    for index in (7, -8):
        with pytest.raises(IndexError, match='out of range for 7 images'):
            dataset.locate(index)
    assert dataset.get_data_info(2)['img_path'].endswith('a.jpg')
    assert dataset.get_cat_ids(0) == [0] and dataset.get_cat_ids(2) == []
    assert dataset.metainfo['classes'] == ('thing',)
    assert repr(dataset) == 'SemiDataset(labeled=2, unlabeled=5)'


def test_branches(dataset):
    labeled, unlabeled = dataset[0], dataset[np.int64(2)]
    assert set(flat(labeled)) == {'labeled'} and set(flat(unlabeled)) == {'weak', 'strong'}
    assert len(labeled['data_samples']['labeled'].gt_instances) == 1
    for branch in ('weak', 'strong'):
        sample = unlabeled['data_samples'][branch]
        assert set(sample.metainfo_keys()) >= set(META) - {'homography_matrix'}
        assert len(sample.gt_instances) == 0
        assert unlabeled['inputs'][branch].dtype == torch.uint8


def test_a_key_fixes_the_sample_whatever_came_before(dataset):
    keys = [SampleKey(index, seed) for index in range(len(dataset)) for seed in (1, 2**32 - 1)]
    first = [flat(dataset[key]) for key in keys]
    torch.manual_seed(7)
    np.random.seed(7)
    again = [flat(dataset[key]) for key in reversed(keys)][::-1]
    assert first == again
    differ = [a != b for a, b in zip(first[::2], first[1::2], strict=True)]
    assert sum(differ) >= 5  # another seed is another augmentation


def test_a_key_leaves_the_global_generators_alone(dataset):
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    expected = global_draws()
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    dataset[SampleKey(3, 11)]
    assert global_draws() == expected
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    with pytest.raises(ZeroDivisionError), seeded(11):
        1 / global_draws().count(2.0)
    assert global_draws() == expected


def test_unlabeled_boxes_cannot_leak(image_root):
    content = coco_of(NAMES)
    clean = write_json(image_root / 'clean.json', dict(content, annotations=[]))
    for annotation in content['annotations']:
        annotation['bbox'] = [float('nan')] * 4
    spoilt = write_json(image_root / 'spoilt.json', content)
    samples = []
    for path in (clean, spoilt):
        settings = config(image_root, data_prefix=dict(img='images'))
        settings['unlabeled']['images'] = path
        dataset = DATASETS.build(settings)
        samples.append([flat(dataset[SampleKey(i, i)]) for i in range(len(dataset))])
    assert samples[0] == samples[1]


def test_supervised_alone_and_more_sources(image_root, dataset):
    settings = config(image_root)
    for absent in (dict(), dict(unlabeled=None)):
        assert list(SemiDataset(labeled=settings['labeled'], **absent).sources) == ['labeled']
    three = SemiDataset(labeled=dataset.sources['labeled'], web=settings['unlabeled'], own=dataset)
    assert three.offsets == dict(labeled=0, web=2, own=7) and len(three) == 14


def test_pipelines_of_named_steps_give_the_same_samples(image_root, dataset):
    settings = config(image_root)
    for source in (settings['labeled'], settings['unlabeled']):
        source['pipeline'] = {f'step {i}': step for i, step in enumerate(source['pipeline'])}
    named = DATASETS.build(settings)
    for index in range(len(dataset)):
        assert flat(named[SampleKey(index, 5)]) == flat(dataset[SampleKey(index, 5)])
    alone = DATASETS.build(settings['unlabeled'])  # without SemiDataset around it
    assert set(flat(alone[0])) == {'weak', 'strong'}


def test_lazy(image_root):
    dataset = SemiDataset(
        **{k: v for k, v in config(image_root).items() if k != 'type'}, lazy_init=True
    )
    assert repr(dataset) == 'SemiDataset(labeled=not read, unlabeled=not read)'
    assert dataset.metainfo['classes'] == ('thing',)
    assert len(dataset) == 7


def test_errors(image_root, dataset):
    with pytest.raises(TypeError, match="source 'unlabeled' must be a data set"):
        SemiDataset(labeled=dataset.sources['labeled'], unlabeled='images')
    with pytest.raises(TypeError, match='labeled'):
        SemiDataset(unlabeled=dataset.sources['unlabeled'])
    settings = config(image_root, metainfo=dict(classes=('other',)))
    with pytest.raises(ValueError, match=r"(?s)labeled: \['thing'\].*unlabeled: \['other'\]"):
        DATASETS.build(settings)
    settings['labeled']['filter_cfg'] = dict(filter_empty_gt=True, min_size=1000)
    del settings['unlabeled']
    with pytest.raises(ValueError, match="source 'labeled' has no image"):
        DATASETS.build(settings)


def test_aspect_ratios_from_headers_equal_those_of_a_json(image_root):
    write_json(image_root / 'list.json', coco_of(NAMES))
    expected = [SIZES[name][0] / SIZES[name][1] for name in NAMES]
    for settings in (
        dict(images='images'),
        dict(images='list.json', data_prefix=dict(img='images')),
    ):
        settings.update(type='UnlabeledDataset', data_root=str(image_root))
        np.testing.assert_allclose(aspect_ratios(DATASETS.build(settings)), expected)


def test_aspect_ratio_of_unreadable_and_turned_files(image_root):
    from PIL import Image

    (image_root / 'images/a.jpg').write_bytes(b'no image')
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new('RGB', (20, 10)).save(image_root / 'images/b.png', exif=exif)
    dataset = DATASETS.build(
        dict(type='UnlabeledDataset', images='images', data_root=str(image_root))
    )
    (image_root / 'images/z.png').unlink()
    ratios = aspect_ratios(dataset)
    assert np.isnan(ratios[[0, 4]]).all() and ratios[1] == 0.5
