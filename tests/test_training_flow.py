"""The real detector in a real run: what was interrupted and resumed ends bit by bit where the other one ends."""

import pytest
import torch
from mmengine.config import Config

from mmssod.apis import train
from mmssod.testing import make_demo_data
from mmssod.testing.tiny import tiny_semi

CONFIGS = 'configs/_base_'


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Drawn images of 64 px: 8 labeled, 6 unlabeled, 2 to evaluate on, three classes."""
    root = tmp_path_factory.mktemp('data')
    make_demo_data(
        root,
        num_labeled=8,
        num_unlabeled=6,
        num_val=2,
        size=64,
        num_classes=3,
        min_boxes_per_class=1,
    )
    return root


def config(data, tmp_path, max_iters, workers=0):
    """The shipped runtime and pipelines around a tiny detector with an EMA teacher and class balance."""
    heir = tmp_path / 'config.py'
    base = (
        f"_base_ = ['{CONFIGS}/datasets/demo.py', '{CONFIGS}/lite_recipe.py', "
        f"'{CONFIGS}/semi.py', '{CONFIGS}/default_runtime.py']\n"
    )
    # Relative paths in _base_ are relative to the file.
    heir.write_text(base.replace("'configs", f"'{tmp_path.cwd()}/configs"))
    cfg = Config.fromfile(heir)
    cfg.model = tiny_semi(
        labeler='EMATeacher',
        balancer=dict(type='ClassBalancer', threshold=0.3, threshold_power=0.05, weight_power=0.6),
    )
    cfg.train_dataloader = cfg.semi_train_dataloader
    loader = cfg.train_dataloader
    loader.update(batch_size=2, num_workers=workers, persistent_workers=workers > 0)
    loader.sampler.counts = dict(labeled=1, unlabeled=1)
    classes = ('blob', 'leaf', 'arrow')
    loader.dataset.labeled.update(data_root=f'{data}/', metainfo=dict(classes=classes))
    loader.dataset.unlabeled.images = f'{data}/unlabeled'
    for source in (loader.dataset.labeled, loader.dataset.unlabeled):
        source.pipeline.resize.scale = (64, 64)
    cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
    cfg.test_dataloader = cfg.test_evaluator = cfg.test_cfg = None
    cfg.default_hooks.update(cfg.semi_hooks)
    cfg.default_hooks.ema = dict(type='EMATeacherHook', ema_decay=0.9)
    cfg.default_hooks.checkpoint.interval = 2
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters)
    cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    cfg.param_scheduler = [dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=4)]
    return cfg


@pytest.mark.parametrize('workers', [0, 2])
def test_two_and_two_steps_are_four(data, tmp_path, workers):
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    train(config(data, tmp_path, 4, workers), work_dir=str(whole), seed=0)
    train(config(data, tmp_path, 2, workers), work_dir=str(parts), seed=0)
    train(config(data, tmp_path, 4, workers), work_dir=str(parts), seed=0, resume='auto')
    expected, found = (
        torch.load(folder / 'iter_4.pth', weights_only=False) for folder in (whole, parts)
    )
    assert expected['state_dict'].keys() == found['state_dict'].keys()
    for name, value in expected['state_dict'].items():
        assert torch.equal(value, found['state_dict'][name]), name
    momenta = [state['optimizer']['state'] for state in (expected, found)]
    for key, state in momenta[0].items():
        assert torch.equal(state['momentum_buffer'], momenta[1][key]['momentum_buffer'])
    # What this is worth: the run did count classes, and the teacher did follow the student.
    state = expected['state_dict']
    assert state['balancer.count'].sum() > 0
    name = 'rpn_head.rpn_cls.weight'
    assert not torch.equal(state[f'student.{name}'], state[f'labeler.teacher.{name}'])


def test_seeds_differ(data, tmp_path):
    ends = []
    for seed in (0, 1):
        folder = tmp_path / str(seed)
        train(config(data, tmp_path, 2), work_dir=str(folder), seed=seed)
        ends.append(torch.load(folder / 'iter_2.pth', weights_only=False)['state_dict'])
    name = 'student.rpn_head.rpn_cls.weight'
    assert not torch.equal(ends[0][name], ends[1][name])
