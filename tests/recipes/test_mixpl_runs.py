"""MixPL in real runs: what was interrupted ends like what was not; a DINO learns with it."""

import pytest
import torch
from builders.trainings import (
    assert_class_losses_fall,
    cut_and_whole,
    logged,
    small_config,
    small_data,
)
from mmengine.config import Config, ConfigDict

from any_detector.found import tried
from any_detector.shrink import shrunk
from mmssod.tiny_detectors import tiny_detector

ITERATIONS = 50


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Drawn images of 64 px: 8 labeled, 6 unlabeled, three classes."""
    return small_data(tmp_path_factory.mktemp('data'))


def config(name, detector, data, tmp_path, max_iters):
    """A recipe's method around a tiny detector, every candidate a label, two unlabeled images per batch."""
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


def remembered(make, folder, cut, iterations):
    """The views at the end of a run; those of one that was cut are the same."""
    memory, others = (end['view_memory'][0] for end in cut_and_whole(make, folder, cut, iterations))
    for (image, labels), (other, found) in zip(memory, others, strict=True):
        assert torch.equal(image, other)
        assert all(torch.equal(value, found[name]) for name, value in labels.items())
    return memory


def test_two_and_two_steps_are_four(data, tmp_path):
    """The run is cut where the memory is just full, so what follows is mixed with what was saved."""

    def make(iterations):
        cfg = config('demo', tiny_detector('plain'), data, tmp_path, iterations)
        cfg.model.memory_size = 4
        return cfg

    memory = remembered(make, tmp_path, 2, 4)
    assert len(memory) == 4 and all(len(labels['boxes']) > 0 for _, labels in memory)
    mosaic = [line.get('unsup_mosaic_loss_cls') for line in logged(tmp_path / 'whole')]
    assert mosaic[:2] == [None, None] and all(value > 0 for value in mosaic[2:])


def test_the_recipes_dino_is_mmdets():
    assert Config.fromfile('configs/mixpl/dino_coco_partial.py').model.detector == (
        Config.fromfile(mmdets_dino().path).model
    )


def mmdets_dino():
    return next(found for found in tried() if found.detector == 'DINO')


@pytest.mark.slow
def test_a_dino_learns_and_resumes(data, tmp_path):
    def make(iterations):
        cfg = config('dino_coco_partial', shrunk(mmdets_dino()), data, tmp_path, iterations)
        cfg.param_scheduler = []
        return cfg

    remembered(make, tmp_path, ITERATIONS - 5, ITERATIONS)
    seen = logged(tmp_path / 'whole')
    assert len(seen) == ITERATIONS and all(line['pseudo_boxes'] > 0 for line in seen)
    for branch in ('sup_', 'unsup_', 'unsup_mosaic_'):  # no mosaic while the memory fills
        assert_class_losses_fall(seen, branch)
