"""Supervised training: the detector of the other recipes, on labeled images alone."""

import pytest
import torch
from builders.tiny_recipes import build_recipe, tiny_recipe, two_steps
from mmengine.config import Config

from mmssod.tiny_detectors import tiny_batch

CONFIG = 'configs/supervised/demo.py'


def labeled():
    inputs, samples = tiny_batch()
    return inputs['labeled'], samples['labeled']


def test_losses_are_those_on_file(golden):
    steps = two_steps(build_recipe(tiny_recipe(CONFIG)), labeled())
    losses = {name for name in steps[0] if 'loss' in name}
    assert losses == {'loss', 'loss_rpn_cls', 'loss_rpn_bbox', 'loss_cls', 'loss_bbox'}
    golden('supervised', steps)


@pytest.mark.parametrize('name', ['coco_partial', 'coco_full_1x', 'voc', 'demo', 'demo_strong'])
def test_a_plain_detector_and_labeled_images_alone(name):
    cfg = Config.fromfile(f'configs/supervised/{name}.py')
    assert cfg.model.type == 'FasterRCNN'
    assert cfg.model.roi_head.bbox_head.type == 'Shared2FCBBoxHead'
    assert set(cfg.train_dataloader.sampler.counts) == {'labeled'}


def test_it_is_what_a_student_learns_from_labeled_images():
    """The losses on labeled images of a student with the same weights, to the bit."""
    detector = build_recipe(tiny_recipe(CONFIG))
    model = build_recipe(tiny_recipe('configs/demo/student_plain.py'))
    model.student.load_state_dict(detector.state_dict())
    model.unsupervised = False
    torch.manual_seed(4)
    alone = detector.loss(*labeled())
    torch.manual_seed(4)
    found = model.loss(*tiny_batch())
    names = [name for name in alone if 'loss' in name]
    assert len(names) == 4
    for name in names:
        value, ours = alone[name], found[f'sup_{name}']
        pairs = zip(value, ours, strict=True) if isinstance(value, list) else [(value, ours)]
        assert all(torch.equal(*pair) for pair in pairs), name
