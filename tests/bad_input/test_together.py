"""Errors that can be known before training are found before training, all of them together."""

import re
from unittest.mock import patch

import pytest
from mmengine.config import Config
from whole_path import change_labeled, changed, tiny, trained, tried

from mmssod.engine.preflight import config_problems
from mmssod.engine.preflight.key_checks import key_problems
from mmssod.tiny_detectors import tiny_detector

EIGHT = {
    'train_dataloader.batch_size': 7,
    'train_dataloader.sampler.counts': dict(labeled=0, unlabeled=1, more=2),
    'model.detector.roi_head.bbox_head.num_classes': 80,
    'train_cfg': dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=2),
    'model.selector.type': 'ThresholdSelektor',
    'model.balancer.threshold': 1.7,
    'load_form': 'teacher.pth',
}
PARTS = (
    "unknown name 'load_form'",
    "unknown type 'ThresholdSelektor'",
    'ClassBalancer got an invalid value',
    "counts['labeled'] must be a whole number >= 1, got 0",
    "counts name ['more']",
    "loader's batch size",
    'an epoch loop',
    'num_classes of the model does not match',
)


@pytest.mark.parametrize(('through', 'module'), [(trained, 'training'), (tried, 'dry_run')])
def test_eight_faults_are_eight_entries_before_anything_is_built(tmp_path, through, module):
    with patch(f'mmssod.apis.{module}.build_runner', side_effect=AssertionError('was built')):
        said = through(changed(tiny(tmp_path), EIGHT))
    assert '8 problems found before training' in said
    for part in PARTS:
        assert part in said
    for word in ('expected:', 'actual:', 'fix:'):
        assert said.count(word) == 8


def test_no_fault_is_no_problem(tmp_path):
    assert config_problems(tiny(tmp_path)) == []


ROWS = {
    # top level
    'load_form': ('a.pth', "unknown name 'load_form'.*load_from"),
    'trian_cfg': (dict(max_iters=3), "unknown name 'trian_cfg'.*train_cfg"),
    'resum': (True, "unknown name 'resum'.*resume"),
    # parts that mmengine reads itself
    'auto_scale_lr.base_bach_size': (8, "auto_scale_lr: unknown key.*'base_batch_size'"),
    'optim_wrapper.clip_gard': (dict(max_norm=1), "optim_wrapper: unknown key.*'clip_grad'"),
    'optim_wrapper.clip_grad.max_nrom': (1, "optim_wrapper.clip_grad: unknown key.*'max_norm'"),
    'optim_wrapper.optimizer.weight_decy': (1, "optimizer: unknown key.*'weight_decay'"),
    'optim_wrapper.optimizer.lr': ('high', 'optim_wrapper.optimizer.lr is text'),
    'train_cfg.max_iters': ('ten', 'train_cfg.max_iters is text'),
    'randomness.sed': (3, "randomness: unknown key.*'seed'"),
    'train_dataloader.num_worker': (2, "train_dataloader: unknown key.*'num_workers'"),
    'train_dataloader.batch_size': ('two', 'train_dataloader.batch_size is text'),
    'env_cfg.dist_cfg.time_out': (9, "env_cfg.dist_cfg: unknown key.*'timeout'"),
    'env_cfg.cudnn_benchmrk': (True, "env_cfg: unknown key.*'cudnn_benchmark'"),
    'log_processor.window': (9, "log_processor: unknown key.*'window_size'"),
    # settings of a detector
    'model.detector.test_cfg.rcnn.score_thresh': (0.1, "rcnn: unknown key.*'score_thr'"),
    'model.detector.train_cfg.rpn_proposal.nms_pree': (9, "rpn_proposal: unknown key.*'nms_pre'"),
    'model.detector.train_cfg.rcnn.assigner.type': ('MaxIouAssigner', "'MaxIoUAssigner'"),
    # values
    'model.unsup_weight': (-1, r'weights of losses must be >= 0, got .*-1'),
    'model.selector.certainty': ('q', 'ThresholdSelector got an invalid value'),
    'model.detector.roi_head.bbox_head.num_classes': ('three', 'num_classes is text'),
    'train_dataloader.sampler.start': (dict(unlabeled=5), "sampler: unknown key 'start'"),
    'default_hooks.preflight.read_images': ('all', 'read_images is text'),
}


@pytest.mark.parametrize('key', ROWS)
def test_one_fault_is_one_entry(tmp_path, key):
    value, says = ROWS[key]
    (problem,) = config_problems(changed(tiny(tmp_path), {key: value}))
    assert re.search(f'(?s){says}', str(problem)), problem
    assert problem.expected and problem.actual and problem.fix


def test_text_for_several_numbers():
    cfg = dict(test_dataloader=dict(dataset=dict(pipeline=[dict(type='Resize', scale='wide')])))
    (problem,) = key_problems(cfg)
    assert 'pipeline[0].scale is text' in str(problem)


# ------------------------------------------------------------------ false alarms


@pytest.mark.parametrize('name', ['classes', 'teacher_iterations', 'my_model', 'lr', 'data_root'])
def test_helper_variables_may_be_called_as_one_likes(name):
    assert key_problems({name: 3}) == []


def test_a_helper_like_a_known_name_is_fine_where_the_config_uses_it(tmp_path):
    file = tmp_path / 'a.py'
    file.write_text('models = dict(type="FasterRCNN")\nmodel = models\n')
    assert key_problems(Config.fromfile(file)) == []
    file.write_text('models = dict(type="FasterRCNN")\nmodel = dict(type="FasterRCNN")\n')
    assert "unknown name 'models'" in str(key_problems(Config.fromfile(file))[0])


@pytest.mark.parametrize(
    'node',
    [
        dict(type='other.package.Detector', key=1),
        dict(type='Unheard', _scope_='other'),
        dict(type='RoIAlign', output_size=7),
        dict(type='BN', requires_grad=True),
        dict(type='interpolation_conv', kernel_size=3),  # of mmdet's FPG
    ],
)
def test_types_of_other_builders_are_theirs(node):
    assert key_problems(dict(model=dict(layer=node))) == []


def test_settings_that_no_like_name_is_known_for_are_not_reported():
    model = tiny_detector()
    model.test_cfg.rcnn.debug, model.train_cfg.rcnn.my_own = True, 1
    assert key_problems(dict(model=model)) == []


# ------------------------------------------------------------------ no image is left


@pytest.mark.parametrize(
    ('change', 'filter_cfg', 'found'),
    [
        (dict(images=[], annotations=[]), {}, True),
        (dict(annotations=[]), dict(filter_empty_gt=True), True),
        (dict(annotations=[]), dict(filter_empty_gt=False), False),
        ({}, dict(min_size=65), True),
        ({}, dict(min_size=64), False),
    ],
)
def test_no_usable_image_is_found_also_after_the_filter(tmp_path, change, filter_cfg, found):
    cfg = tiny(tmp_path)
    change_labeled(cfg, change)
    cfg.train_dataloader.dataset.labeled.filter_cfg = filter_cfg
    said = '\n'.join(map(str, config_problems(cfg)))
    assert ('labeled: no usable image' in said) == found == bool(said)
