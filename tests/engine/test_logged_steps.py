"""Evaluations stand at the iteration after which they were made, in TensorBoard and in scalars.json."""

import json

import pytest
from builders.toy_training import toy_config
from mmengine.config import Config
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from matrix_runs.runs import read_curve
from mmssod import apis

RUNTIME = 'configs/_base_/default_runtime.py'


def train(folder, **logger):
    cfg = toy_config(folder, max_iters=6)
    cfg.train_cfg.val_interval = 2
    shipped = Config.fromfile(RUNTIME)
    cfg.default_hooks.logger = {**shipped.default_hooks.logger, 'interval': 1, **logger}
    cfg.visualizer.vis_backends = shipped.vis_backends
    apis.train(cfg)
    return next(folder.glob('*/vis_data'))


def test_of_shipped_recipes(tmp_path):
    folder = train(tmp_path)
    lines = [json.loads(line) for line in (folder / 'scalars.json').read_text().splitlines()]
    assert [line['step'] for line in lines if 'toy/bbox_mAP' in line] == [2, 4, 6]
    events = EventAccumulator(str(folder))
    events.Reload()
    assert [event.step for event in events.Scalars('toy/bbox_mAP')] == [2, 4, 6]


@pytest.mark.parametrize('by_epoch', [True, False])
def test_a_curve_is_read_from_runs_of_either_kind(tmp_path, by_epoch):
    train(tmp_path, log_metric_by_epoch=by_epoch)
    assert [point['step'] for point in read_curve(tmp_path)] == [2, 4, 6]
