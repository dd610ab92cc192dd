"""The detectors of ``mmssod new``: which one for which machine, and what they are beside mmdet's own."""

import dataclasses
from pathlib import Path

import pytest
import yaml
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmssod.datasets.preparation.own_data import LabeledSet
from mmssod.own_data.new import Machine, make_plan
from mmssod.own_data.new.detectors import DETECTORS, OLD_NAMES
from mmssod.own_data.new.planning import recipe
from mmssod.start import find_model
from mmssod.start.zoo import zoo_folder

CONFIGS = Path(__file__).parents[2] / 'configs'
FROM_COCO = {name: one for name, one in DETECTORS.items() if one.start}
RTMDETS = ('tiny', 'm', 'l')


def summary(images=60, median_side=0.2, size=(640, 480)):
    return LabeledSet(images, dict(cat=images), 3.0, median_side, size)


def machine(memory, gpus=1):
    return Machine(gpus, memory, 8, 'GPU' if gpus else 'CPU')


@pytest.mark.parametrize(('here', 'expected'), [
    (machine(16.0, gpus=0), 'yolox_nano'),
    (machine(3.0), 'yolox_nano'),
    (machine(6.0), 'rtmdet_tiny'),
    (machine(12.0), 'rtmdet_m'),
    (machine(24.0), 'rtmdet_l'),
    (machine(80.0), 'rtmdet_l'),
])  # fmt: skip
def test_the_detector_fits_the_machine(here, expected):
    plan = make_plan(summary(), here)
    assert plan.detector == expected
    # The batch of the recipes; at most twice that on a large GPU. RTMDet's size is that of its training on COCO.
    assert plan.batch == (8 if here.memory == 80 else max(plan.batch, 4)) <= 8
    assert plan.scale == ((640, 640) if here.gpus and here.memory > 4 else (416, 416))
    assert plan.rate == pytest.approx(DETECTORS[expected].rate * plan.batch / 4, rel=0.01)
    assert plan.channels_last is (not here.gpus)
    assert expected in plan.why[0] and 'GPU' in plan.why[0]


@pytest.mark.parametrize(('known', 'rate'), [(0.0, 5e-4), (0.5, 1e-4), (1.0, 2e-5)])
def test_a_start_that_knows_the_classes_is_learned_over_slowly(known, rate):
    """Between the ends on a logarithmic scale: 0.0005 / 25 ** known."""
    plan = make_plan(summary(), machine(16.0, gpus=0), known=known)
    assert plan.rate == pytest.approx(rate)
    assert any('forgets none' in line for line in plan.why) is bool(known)


def test_larger_images_take_a_smaller_detector():
    """Half of the objects below 16 px at 640 px: images of 1280 px need four times the memory."""
    small = summary(median_side=0.0125, size=(1920, 1280))
    plans = [make_plan(data, machine(24.0)) for data in (summary(size=(1920, 1280)), small)]
    assert [plan.detector for plan in plans] == ['rtmdet_l', 'rtmdet_tiny']
    assert plans[1].scale == (1280, 1280) and plans[1].batch >= 4


@pytest.mark.parametrize(('images', 'lengths'), [
    (1, (800, 600, 2150)), (20, (800, 600, 2150)), (60, (800, 600, 2150)), (200, (1800, 1350, 4838)),
    (10**6, (4000, 3000, 10750)),
])  # fmt: skip
def test_the_baseline_is_trained_for_as_many_seconds(images, lengths):
    """800 steps and 600 that cost 2.25 of them: 800 + 1350."""
    plan = make_plan(summary(images), machine(16.0, gpus=0))
    assert (plan.iterations, plan.student_iterations, plan.supervised_iterations) == lengths
    assert all(str(length) in ' '.join(plan.length_lines(images)) for length in lengths)
    named = make_plan(summary(images), machine(16.0, gpus=0), iterations=40)
    assert (named.student_iterations, named.supervised_iterations) == (40, 130)  # 40 + 2.25 * 40


def test_the_shipped_recipes_have_the_shares_of_small_sets():
    """One place says how long a student is trained and at what rate: configs/_base_/ema_small.py."""
    small = recipe('yolox_nano')
    for name in ('bccd', 'aquarium'):
        teacher, student, supervised = (
            Config.fromfile(CONFIGS / f'yolox_nano/{run}_{name}.py')
            for run in ('teacher', 'student', 'supervised')
        )
        length = teacher.train_cfg.max_iters
        students = student.train_cfg.max_iters
        assert students == small.student_share * length
        assert supervised.train_cfg.max_iters == pytest.approx(
            length + small.step_cost * students, rel=0.01
        )
        rates = [cfg.optim_wrapper.optimizer.lr for cfg in (student, teacher)]
        assert rates[0] == pytest.approx(small.rate_share * rates[1])


def test_old_names_are_those_of_detectors():
    assert set(OLD_NAMES.values()) <= set(DETECTORS)


@pytest.mark.parametrize('name', FROM_COCO)
def test_starts_are_in_the_zoo_with_the_ap_that_is_told(name):
    model = find_model(FROM_COCO[name].start)
    assert model.name == FROM_COCO[name].start and model.datasets == ('COCO',)
    if model.config:
        listed = yaml.safe_load((zoo_folder() / 'configs/rtmdet/metafile.yml').read_text())
        (entry,) = (entry for entry in listed['Models'] if entry['Name'] == model.name)
        ap = entry['Results'][0]['Metrics']['box AP']
        assert f', {ap} AP on COCO' in FROM_COCO[name].about


@pytest.mark.parametrize('size', RTMDETS)
def test_rtmdet_is_that_of_the_zoo(size):
    """All that decides of a weight and of what is computed with it; mmdet's SyncBN is BN in one process."""
    ours = Config.fromfile(CONFIGS / f'_base_/models/rtmdet_{size}.py').model.to_dict()
    config = zoo_folder() / find_model(f'rtmdet_{size}_8xb32-300e_coco').config
    theirs = plain(Config.fromfile(config).model.to_dict())
    for part in ('type', 'backbone', 'neck', 'bbox_head', 'train_cfg'):
        assert plain(ours[part]) == theirs[part], part
    for key in ('mean', 'std', 'bgr_to_rgb'):
        assert ours['data_preprocessor'][key] == theirs['data_preprocessor'][key]
    assert ours['test_cfg']['nms'] == theirs['test_cfg']['nms']


def plain(config):
    """Without initial weights, SyncBN as BN."""
    if isinstance(config, dict):
        return {key: plain(value) for key, value in config.items() if key != 'init_cfg'}
    return 'BN' if config == 'SyncBN' else config


def parameters(name):
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(
            Config.fromfile(CONFIGS / '_base_/models' / FROM_COCO[name].model).model
        )
    return sum(weight.numel() for weight in model.parameters())


@pytest.mark.slow
@pytest.mark.parametrize('name', FROM_COCO)
def test_the_size_that_is_told(name):
    assert FROM_COCO[name].about.startswith(f'{parameters(name) / 1e6:.1f} M parameters')


def test_two_stage_detectors_are_planned_as_before():
    """Numbers of the version that knew them alone, for 200 images: 35 epochs at batch 4; batch 3 on 16 GiB."""
    lite = make_plan(summary(200), machine(16.0, gpus=0), detector='lite')
    full = make_plan(summary(200, size=(4000, 3000)), machine(16.0), detector='r50')
    assert dataclasses.astuple(lite)[:7] == ('faster_rcnn_lite', (256, 256), 4, 0.0005, 1800, 64, 4)
    assert dataclasses.astuple(full)[:6] == ('faster_rcnn', (1333, 800), 3, 0.00375, 2300, 512)
    assert full.student_iterations == 2300
    assert (
        full.supervised_iterations == 2300 + 3680
        and not full.channels_last
        and not lite.channels_last
    )
