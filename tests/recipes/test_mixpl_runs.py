"""MixPL in real runs: what was interrupted ends like what was not; a DINO learns with it."""

import json
import math
from statistics import mean

import pytest
import torch
from mmengine.config import Config, ConfigDict
from small_training import small_config, small_data

from any_detector.found import tried
from any_detector.shrink import shrunk
from mmssod.apis import train
from mmssod.testing import tiny_detector

ITERATIONS = 50


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Drawn images of 64 px: 8 labeled, 6 unlabeled, three classes."""
    return small_data(tmp_path_factory.mktemp('data'))


def config(name, detector, data, tmp_path, max_iters):
    """A recipe's method around a tiny detector, every candidate a label, two unlabeled images a batch."""
    recipe = Config.fromfile(f'configs/mixpl/{name}.py')
    cfg = small_config(data, tmp_path, max_iters)
    cfg.model = ConfigDict({**recipe.model, 'detector': detector, 'mosaic_sizes': (24, 48)})
    cfg.model.balancer.update(threshold=0.0, bounds=(0.0, 1.0))
    cfg.train_dataloader.update(batch_size=3)
    cfg.train_dataloader.sampler.update(
        type='ResamplingSampler', counts=dict(labeled=1, unlabeled=2), class_share=0.5
    )
    cfg.default_hooks.view_memory = recipe.default_hooks.view_memory
    return cfg


def assert_equal_ends(first, second, iterations):
    ends = [
        torch.load(folder / f'iter_{iterations}.pth', weights_only=False)
        for folder in (first, second)
    ]
    states = [end['state_dict'] for end in ends]
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    for (image, labels), (other, theirs) in zip(
        *(end['view_memory'][0] for end in ends), strict=True
    ):
        assert torch.equal(image, other)
        assert all(torch.equal(value, theirs[name]) for name, value in labels.items())
    return ends[0]


def logged(folder):
    """What each iteration logged."""
    files = sorted(folder.glob('*/vis_data/scalars.json'))
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return [line for line in lines if 'loss' in line]


def test_two_and_two_steps_are_four(data, tmp_path):
    """The run is cut where the memory is just full, so what follows is mixed with what was saved."""
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    for folder, max_iters in ((whole, 4), (parts, 2), (parts, 4)):
        cfg = config('demo', tiny_detector('plain'), data, tmp_path, max_iters)
        cfg.model.memory_size = 4
        cfg.default_hooks.logger.interval = 1
        train(cfg, work_dir=str(folder), seed=0, resume='auto')
    end = assert_equal_ends(whole, parts, 4)
    assert len(end['view_memory'][0]) == 4
    assert all(len(labels['boxes']) > 0 for _, labels in end['view_memory'][0])
    mosaic = [line.get('unsup_mosaic_loss_cls') for line in logged(parts)]
    assert mosaic[:2] == [None, None] and all(value > 0 for value in mosaic[2:])


def test_the_recipes_dino_is_mmdets():
    assert Config.fromfile('configs/mixpl/dino_coco_partial.py').model.detector == (
        Config.fromfile(mmdets_dino().path).model
    )


def mmdets_dino():
    return next(found for found in tried() if found.detector == 'DINO')


@pytest.mark.slow
def test_a_dino_learns_and_resumes(data, tmp_path):
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    for folder, max_iters in ((whole, ITERATIONS), (parts, ITERATIONS // 2), (parts, ITERATIONS)):
        cfg = config('dino_coco_partial', shrunk(mmdets_dino()), data, tmp_path, max_iters)
        cfg.param_scheduler = []
        cfg.default_hooks.logger.interval = 1
        cfg.log_processor.window_size = 1
        cfg.default_hooks.checkpoint.interval = ITERATIONS // 2
        train(cfg, work_dir=str(folder), seed=0, resume='auto')
    assert_equal_ends(whole, parts, ITERATIONS)
    seen = logged(whole)
    assert len(seen) == ITERATIONS and all(math.isfinite(line['loss']) for line in seen)
    assert all(line['pseudo_boxes'] > 0 for line in seen)
    for branch in ('sup_', 'unsup_', 'unsup_mosaic_'):
        names = [
            n
            for n in seen[-1]
            if n.startswith(branch)
            and n.endswith('loss_cls')
            and ('mosaic' in n) == ('mosaic' in branch)
        ]
        sums = [sum(line[name] for name in names) for line in seen if names[0] in line]
        assert len(names) > 3 and mean(sums[-10:]) < 0.8 * mean(sums[:10]), branch
