"""The best checkpoint is kept by default, and a training whose evaluations no longer get better ends early."""

import json
import os
import signal
from pathlib import Path

import pytest
from builders.toy_training import toy_config
from mmdet.registry import HOOKS
from mmengine.config import Config
from mmengine.hooks import Hook

from mmssod import apis
from mmssod.analysis.report.runs import best_checkpoint
from mmssod.engine import StopEarlyHook
from mmssod.engine.hooks.evaluation_line_hook import bars, figures
from mmssod.engine.main_metric import main_metric, step_of

ROOT = Path(__file__).parents[2]
STOPPED = 'stopped_early.json'


@HOOKS.register_module()
class TellOnce(Hook):
    """SIGTERM before an iteration."""

    def __init__(self, iteration):
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(('metrics', 'teacher', 'name'), [
    ({}, False, None),
    ({'toy/loss': 1.0, 'coco/classwise': 'text'}, False, None),
    ({'coco/bbox_mAP': 0.1, 'coco/bbox_mAP_50': 0.2, 'pascal_voc/mAP': 0.3}, False, 'coco/bbox_mAP'),
    ({'pascal_voc/mAP': 0.3, 'pascal_voc/AP50': 0.4}, True, 'pascal_voc/mAP'),
    ({'teacher/coco/bbox_mAP': 0.1, 'student/coco/bbox_mAP': 0.2}, True, 'teacher/coco/bbox_mAP'),
    ({'teacher/coco/bbox_mAP': 0.1, 'student/coco/bbox_mAP': 0.2}, False, 'student/coco/bbox_mAP'),
    ({'student/coco/bbox_mAP': 'undefined', 'teacher/lvis/bbox_AP': 0.2}, False, 'teacher/lvis/bbox_AP'),
])  # fmt: skip
def test_the_figure_that_counts(metrics, teacher, name):
    assert main_metric(metrics, teacher) == name


@pytest.mark.parametrize(('name', 'step'), [
    ('best_coco_bbox_mAP_iter_20.pth', 20), ('/a/iter_5.pth', 5), ('epoch_3.pth', 3), ('best.pth', None), ('', None)
])  # fmt: skip
def test_steps_of_names(name, step):
    assert step_of(name) == step


def test_the_shipped_runtime_keeps_the_best():
    runtime = Config.fromfile(ROOT / 'configs/_base_/default_runtime.py')
    assert runtime.default_hooks.checkpoint.save_best == 'auto'
    assert runtime.default_hooks.evaluation_line.type == 'EvaluationLineHook'


def config(folder, *, hooks=(), max_iters=8, **checkpoint):
    """An evaluation and a checkpoint after every second iteration."""
    cfg = toy_config(folder, max_iters=max_iters, hooks=hooks)
    cfg.default_hooks.checkpoint.update(save_best='auto', max_keep_ckpts=1, **checkpoint)
    cfg.train_cfg.val_interval = 2
    return cfg


def scores(monkeypatch, *values):
    """The AP of each evaluation in turn, also of those after a resume."""
    left = iter(values)
    monkeypatch.setattr(
        'builders.toy_training.ToyMetric.compute_metrics', lambda self, _: {'bbox_mAP': next(left)}
    )


def best(folder):
    return sorted(path.name for path in folder.glob('best_*'))


def test_the_best_one_is_kept_and_found(tmp_path, monkeypatch):
    scores(monkeypatch, 0.1, 0.3, 0.2, 0.3)
    apis.train(config(tmp_path))
    assert best(tmp_path) == ['best_toy_bbox_mAP_iter_4.pth']
    assert best_checkpoint(tmp_path) == str(tmp_path / 'best_toy_bbox_mAP_iter_4.pth')
    assert sorted(path.name for path in tmp_path.glob('iter_*')) == ['iter_8.pth']


def test_no_figure_to_judge_by_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(
        'builders.toy_training.ToyMetric.compute_metrics', lambda self, _: {'speed': 1.0}
    )
    apis.train(config(tmp_path))
    assert best(tmp_path) == [] and best_checkpoint(tmp_path) == ''
    log = next(tmp_path.glob('*/*.log')).read_text()
    assert log.count('no best checkpoint is kept: expected an AP') == 1


def test_a_resumed_run_knows_the_best_one(tmp_path, monkeypatch):
    """Told to end in the iteration after the evaluation whose checkpoint is the best."""
    scores(monkeypatch, 0.1, 0.3, 0.2, 0.25)
    with pytest.raises(SystemExit):
        apis.train(config(tmp_path, hooks=[dict(type='TellOnce', iteration=4)]))
    apis.train(config(tmp_path), resume='auto')
    assert best(tmp_path) == ['best_toy_bbox_mAP_iter_4.pth']


def test_an_earlier_run_in_the_folder_leaves_no_second_best(tmp_path, monkeypatch):
    (tmp_path / 'best_toy_bbox_mAP_iter_900.pth').touch()
    (tmp_path / 'best_of_mine.pth').touch()
    scores(monkeypatch, 0.1, 0.3, 0.2, 0.2)
    apis.train(config(tmp_path))
    assert best(tmp_path) == ['best_of_mine.pth', 'best_toy_bbox_mAP_iter_4.pth']


def early(patience):
    return dict(type='StopEarlyHook', patience=patience)


@pytest.mark.parametrize(('values', 'patience', 'end'), [
    ((0.3, 0.2, 0.1, 0.0), 2, 6),
    ((0.3, 0.3, 0.3, 0.3), 1, 4),  # equal is not better
    ((0.1, 0.2, 0.1, 0.1), 2, 8),  # the last one is the end anyway
    ((0.1, 0.2, 0.3, 0.4), 1, 8),
])  # fmt: skip
def test_patience_counts_evaluations(tmp_path, monkeypatch, values, patience, end):
    scores(monkeypatch, *values)
    apis.train(config(tmp_path, hooks=[early(patience)]))
    assert (tmp_path / 'last_checkpoint').read_text().endswith(f'iter_{end}.pth')
    assert (tmp_path / f'iter_{end}.pth').is_file()
    facts = tmp_path / STOPPED
    assert facts.exists() == (end < 8)
    if end < 8:
        assert json.loads(facts.read_text()) == dict(
            iteration=end, best=2, max_iters=8, patience=patience
        )


@pytest.mark.parametrize(('rises_until', 'end'), [(3, 4), (4, 6), (7, 8), (50, 8)])
def test_evaluations_while_the_rate_rises_do_not_count(tmp_path, monkeypatch, rises_until, end):
    """The first of four is the best; patience is one evaluation, each two iterations."""
    scores(monkeypatch, 0.3, 0.2, 0.1, 0.0)
    cfg = config(tmp_path, hooks=[early(1)])
    cfg.param_scheduler[0].end = rises_until
    apis.train(cfg)
    assert (tmp_path / 'last_checkpoint').read_text().endswith(f'iter_{end}.pth')


def test_an_early_end_saves_what_it_ends_with(tmp_path, monkeypatch):
    """The iteration that is evaluated last has a checkpoint, though none was due."""
    scores(monkeypatch, 0.3, 0.2, 0.1, 0.0)
    apis.train(config(tmp_path, hooks=[early(2)], interval=100))
    assert (tmp_path / 'iter_6.pth').is_file()


def test_a_resumed_run_that_had_ended_ends_again(tmp_path, monkeypatch):
    scores(monkeypatch, 0.3, 0.2, 0.1, 0.9)
    apis.train(config(tmp_path, hooks=[early(2)]))
    before = (tmp_path / 'iter_6.pth').read_bytes()
    assert apis.train(config(tmp_path, hooks=[early(2)]), resume='auto') == {}
    assert (tmp_path / 'iter_6.pth').read_bytes() == before and (tmp_path / STOPPED).exists()
    apis.train(config(tmp_path, hooks=[early(3)]), resume='auto')  # more patience: it goes on
    assert best(tmp_path) == ['best_toy_bbox_mAP_iter_8.pth'] and not (tmp_path / STOPPED).exists()


def test_patience_outlives_a_kill(tmp_path, monkeypatch):
    """Told to end between the two evaluations that are not better: they count together."""
    scores(monkeypatch, 0.3, 0.2, 0.1, 0.9)
    with pytest.raises(SystemExit):
        apis.train(config(tmp_path, hooks=[early(2), dict(type='TellOnce', iteration=4)]))
    apis.train(config(tmp_path, hooks=[early(2)]), resume='auto')
    assert json.loads((tmp_path / STOPPED).read_text())['iteration'] == 6


def test_what_patience_needs(tmp_path):
    with pytest.raises(ValueError, match='patience >= 1'):
        StopEarlyHook(0)
    cfg = config(tmp_path, hooks=[early(1)])
    cfg.default_hooks.checkpoint.pop('save_best')
    with pytest.raises(ValueError, match="StopEarlyHook: expected .*save_best='auto'"):
        apis.train(cfg)


def test_each_evaluation_is_a_line(tmp_path, monkeypatch):
    scores(monkeypatch, 0.1, 0.3, 0.2, 0.4)
    apis.train(config(tmp_path, hooks=[dict(type='EvaluationLineHook')]))
    lines = next(tmp_path.glob('*/*.log')).read_text().splitlines()
    shown = [line.split('INFO - ')[1] for line in lines if ' iterations' in line and 'AP ' in line]
    assert shown == [
        'AP 10.0 after 2 of 8 iterations',
        'AP 30.0 after 4 of 8 iterations  ▁█',
        'AP 20.0 after 6 of 8 iterations  ▁█▅  best 30.0 after 4',
        'AP 40.0 after 8 of 8 iterations  ▁▆▃█',
    ]


def test_figures_and_bars():
    coco = {'coco/bbox_mAP': 0.412, 'coco/bbox_mAP_50': 0.7, 'coco/bbox_mAP_75': 0.4, 'x': 1.0}
    assert figures(coco, 'coco/bbox_mAP') == 'AP 41.2 (AP50 70.0, AP75 40.0)'
    voc = {'pascal_voc/mAP': 0.5, 'pascal_voc/AP50': 0.8}
    assert figures(voc, 'pascal_voc/mAP') == 'AP 50.0 (AP50 80.0)'
    assert bars([0.2]) == '▁' and bars([0.1, 0.1]) == '▁▁' and len(bars(range(99))) == 24
