"""A view without pixels tells what the same view with pixels tells, and leaves the other views as they are."""

import cv2
import numpy as np
import pytest
import torch
from mmdet.registry import TRANSFORMS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from mmssod.datasets.fixed_view import fixed_view
from mmssod.datasets.transforms.steps import as_list
from mmssod.models import BranchDataPreprocessor

CONFIGS = [
    'configs/demo/student.py',
    'configs/certainty/student_voc_multiscale.py',
    'configs/stac/demo.py',
]


def pipeline_of(config, weak=None):
    steps = Config.fromfile(config).train_dataloader.dataset.unlabeled.pipeline
    if weak:
        steps.views.weak.type = weak
    return [TRANSFORMS.build(step) for step in as_list(steps)]


def run(steps, path, seed):
    np.random.seed(seed)
    results = dict(img_path=str(path), img_id=3)
    for step in steps:
        results = step(results)
    return results


@pytest.fixture
def path(tmp_path):
    """An image whose sides are no multiple of anything."""
    pixels = np.random.RandomState(0).randint(0, 256, (97, 141, 3), np.uint8)
    cv2.imwrite(str(tmp_path / '0.png'), pixels)
    return tmp_path / '0.png'


@pytest.mark.parametrize('config', CONFIGS)
def test_only_the_pixels_of_the_weak_view_are_missing(config, path):
    seen, unseen = pipeline_of(config), pipeline_of(config, 'UnseenSteps')
    flips = set()
    for seed in range(12):
        with_pixels, without = (run(steps, path, seed) for steps in (seen, unseen))
        assert without['inputs']['weak'] is None
        assert torch.equal(with_pixels['inputs']['strong'], without['inputs']['strong'])
        for branch in ('weak', 'strong'):
            ours, theirs = (r['data_samples'][branch].metainfo for r in (without, with_pixels))
            assert ours.keys() == theirs.keys() and 'homography_matrix' in ours
            for key, value in theirs.items():
                assert np.array_equal(ours[key], value), (branch, key)
        flips.add(without['data_samples']['weak'].get('flip', False))
    assert flips == ({False} if 'stac' in config else {False, True})


@pytest.mark.parametrize(
    'resize',
    [dict(scale=(64, 48), keep_ratio=True), dict(scale=(33, 70), keep_ratio=False), dict(scale_factor=0.3)],
)  # fmt: skip
def test_every_resize_is_known_without_pixels(resize, path):
    told = []
    for kind in ('Resize', 'UnseenResize'):
        results = dict(img=cv2.imread(str(path)), img_shape=(97, 141))
        results = TRANSFORMS.build(dict(type=kind, **resize))(results)
        told.append({k: v for k, v in results.items() if k not in ('img', 'homography_matrix')})
        told[-1]['matrix'] = results['homography_matrix'].tolist()
        assert results['img'].shape[:2] == results['img_shape']
    assert told[0] == told[1]
    assert results['img'].strides == (0, 0, 0)  # one byte, whatever its size


def test_steps_that_need_pixels_are_refused():
    with pytest.raises(ValueError, match="'RandomFlip', 'Resize'.*got 'ColorJitter'"):
        TRANSFORMS.build(dict(type='UnseenSteps', color=dict(type='ColorJitter')))


# ------------------------------------------------------------------ batches


def preprocessor():
    inner = dict(type='DetDataPreprocessor', mean=[0.0] * 3, std=[1.0] * 3, pad_size_divisor=32)
    return BranchDataPreprocessor(inner)


def test_a_branch_without_images_keeps_its_samples(path):
    image = run(pipeline_of(CONFIGS[0], 'UnseenSteps'), path, 0)
    labeled = dict(
        inputs=dict(labeled=torch.zeros(3, 40, 50, dtype=torch.uint8), weak=None, strong=None),
        data_samples=dict(labeled=image['data_samples']['strong'], weak=None, strong=None),
    )
    unlabeled = {key: dict(part, labeled=None) for key, part in image.items()}
    ready = preprocessor()(pseudo_collate([labeled, unlabeled, unlabeled]), training=True)
    assert {name: len(images) for name, images in ready['inputs'].items()} == dict(
        labeled=1, strong=2
    )
    assert {n: len(s) for n, s in ready['data_samples'].items()} == dict(
        labeled=1, weak=2, strong=2
    )
    assert ready['data_samples']['weak'][0].img_id == 3
    assert (
        ready['inputs']['strong'].shape[-2:] == ready['data_samples']['strong'][0].batch_input_shape
    )


def test_a_batch_without_branches_is_mmdets(path):
    image = run(pipeline_of(CONFIGS[0]), path, 0)
    batch = dict(inputs=[image['inputs']['strong']], data_samples=[image['data_samples']['strong']])
    assert preprocessor()(batch, training=False)['inputs'].shape[0] == 1


# ------------------------------------------------------------------ what a bank labels


def view_of(config):
    cfg = Config.fromfile(config)
    return fixed_view(
        cfg.train_dataloader.dataset.unlabeled.pipeline, cfg.test_dataloader.dataset.pipeline
    )


@pytest.mark.parametrize(
    ('config', 'scale', 'flips', 'other_sizes'),
    [
        ('configs/demo/student.py', (160, 160), True, False),
        ('configs/label_bank/demo.py', (160, 160), True, False),
        ('configs/certainty/student_voc.py', (1333, 600), True, False),
        ('configs/certainty/student_voc_multiscale.py', (1333, 800), True, True),
    ],
)
def test_the_view_of_recipes(config, scale, flips, other_sizes):
    view = view_of(config)
    assert [step['type'] for step in view.steps] == ['LoadWholeImage', 'Resize']
    assert tuple(view.steps[1]['scale']) == scale
    assert (view.flips, view.other_sizes) == (flips, other_sizes)
    assert view.as_json()[1]['scale'] == list(scale)


@pytest.mark.parametrize('config', ['configs/stac/voc.py', 'configs/stac/coco_partial.py'])
def test_the_view_of_stac_is_the_file_as_it_is(config):
    view = view_of(config)
    assert [step['type'] for step in view.steps] == ['LoadWholeImage', 'Resize']
    assert 'scale' not in view.steps[1] and view.steps[1]['scale_factor'] == 1.0
    assert not view.flips and not view.other_sizes


def test_a_view_that_changes_each_time_has_no_bank():
    cfg = Config.fromfile('configs/demo/student.py')
    steps = cfg.train_dataloader.dataset.unlabeled.pipeline
    test = cfg.test_dataloader.dataset.pipeline
    steps.views.weak.flip.direction = 'vertical'
    with pytest.raises(ValueError, match='not the same each time.*vertical'):
        fixed_view(steps, test)
    steps.views.weak = dict(type='Steps', crop=dict(type='RandomCrop', crop_size=(9, 9)))
    with pytest.raises(ValueError, match='not the same each time.*RandomCrop'):
        fixed_view(steps, test)
    del steps.views['weak']
    with pytest.raises(ValueError, match="a branch 'weak'"):
        fixed_view(steps, test)
    multiscale = Config.fromfile(CONFIGS[1]).train_dataloader.dataset.unlabeled.pipeline
    with pytest.raises(ValueError, match='expected a Resize in the test pipeline'):
        fixed_view(multiscale, test[:1])
