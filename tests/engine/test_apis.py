import json
import os

import pytest
import torch
from builders.toy_training import toy_config, weights_of, write_config
from mmengine.config import Config

from mmssod import apis
from mmssod.apis.config import load_config, set_start, use_amp, use_auto_scale_lr
from mmssod.apis.testing import draw_predictions, set_score_threshold, use_tta

# ------------------------------------------------------------------ options


def test_options_change_a_copy(tmp_path):
    cfg = toy_config(tmp_path)
    changed = apis.load_config(cfg, cfg_options={'optim_wrapper.optimizer.lr': 0.5}, seed=11)
    assert (changed.optim_wrapper.optimizer.lr, cfg.optim_wrapper.optimizer.lr) == (0.5, 0.05)
    assert (changed.randomness.seed, cfg.randomness.seed) == (11, 3)


def test_options_that_replace_do_so_a_second_time(tmp_path):
    """Recipes of a benchmark and runs of a report load with the same options again."""
    options = {'optim_wrapper.optimizer': dict(_delete_=True, type='Adam', lr=0.5)}
    for _ in range(2):
        cfg = apis.load_config(toy_config(tmp_path), cfg_options=options)
        assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=0.5)


@pytest.mark.parametrize(
    ('given', 'in_config', 'expected'),
    [(None, None, 'work_dirs/toy'), (None, 'there', 'there'), ('here', 'there', 'here')],
)
def test_work_dir_comes_from_option_config_or_name(tmp_path, given, in_config, expected):
    cfg = toy_config(tmp_path)
    cfg.work_dir = in_config
    assert apis.load_config(write_config(cfg, tmp_path), work_dir=given).work_dir == expected


def test_amp_without_an_accelerator_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr('mmssod.apis.config.get_device', lambda: 'cpu')
    with pytest.raises(ValueError, match='expected a GPU.*--amp'):
        use_amp(toy_config(tmp_path))
    monkeypatch.setattr('mmssod.apis.config.get_device', lambda: 'cuda')
    cfg = toy_config(tmp_path)
    use_amp(cfg)
    assert cfg.optim_wrapper.type == 'AmpOptimWrapper'
    assert cfg.optim_wrapper.loss_scale == 'dynamic'
    assert cfg.optim_wrapper.clip_grad


def test_auto_scale_lr_needs_a_declared_batch(tmp_path):
    cfg = toy_config(tmp_path)
    use_auto_scale_lr(cfg)
    assert cfg.auto_scale_lr.enable
    cfg.optim_wrapper = dict(accumulative_counts=4)
    before = cfg.auto_scale_lr.base_batch_size
    use_auto_scale_lr(cfg)
    assert cfg.auto_scale_lr.base_batch_size == before / 4
    with pytest.raises(ValueError, match='base_batch_size'):
        use_auto_scale_lr(Config())


@pytest.mark.parametrize(
    ('resume', 'load_from', 'newest', 'expected'),
    [
        (False, None, None, (False, 'config.pth')),
        (False, 'w.pth', 'newest.pth', (False, 'w.pth')),
        (True, None, 'newest.pth', (True, 'newest.pth')),
        ('auto', None, None, (False, 'config.pth')),  # first start: the config's teacher counts
        ('auto', 'w.pth', None, (False, 'w.pth')),
        ('auto', 'w.pth', 'newest.pth', (True, 'newest.pth')),
        ('c.pth', None, 'newest.pth', (True, 'c.pth')),
    ],
)
def test_where_a_run_starts(tmp_path, monkeypatch, resume, load_from, newest, expected):
    monkeypatch.chdir(tmp_path)
    if newest:
        torch.save({}, newest)
        (tmp_path / 'last_checkpoint').write_text(newest)
    cfg = Config(dict(work_dir=str(tmp_path), load_from='config.pth'))
    set_start(cfg, resume=resume, load_from=load_from)
    assert (cfg.resume, os.path.basename(cfg.load_from)) == expected


def test_two_starts_are_refused(tmp_path):
    with pytest.raises(ValueError, match='one start, got two'):
        set_start(Config(dict(work_dir='')), resume='a.pth', load_from='b.pth')


# ------------------------------------------------------------------ runs


def test_train_returns_metrics_and_test_repeats_them(tmp_path):
    cfg = toy_config(tmp_path, max_iters=2)
    assert apis.train(cfg) == {'toy/bbox_mAP': 0.08}
    out = tmp_path / 'predictions.pkl'
    checkpoint = str(tmp_path / 'iter_2.pth')
    metrics = apis.test(cfg, checkpoint, out=str(out), work_dir=str(tmp_path / 'test'))
    assert metrics['toy/bbox_mAP'] == 0.08
    assert out.exists()
    log = next(tmp_path.glob('2*/*.log')).read_text()
    assert 'images_per_second' in log and 'data_time' in log
    assert 'batch: 2 labeled + 2 unlabeled' in log


def test_nan_stops_the_run_before_a_checkpoint_is_written(tmp_path):
    with pytest.raises(RuntimeError, match='sup_loss = nan.*non_finite_iter_2.json'):
        apis.train(toy_config(tmp_path, model=dict(poison=1)))
    assert not list(tmp_path.glob('*.pth'))
    report = json.loads((tmp_path / 'non_finite_iter_2.json').read_text())
    assert len(report['images']['batch']) == 4


def test_class_names_are_checked_before_anything_is_built(tmp_path):
    cfg = toy_config(tmp_path / 'run')
    cfg.val_evaluator = dict(type='CocoMetric', ann_file=str(tmp_path / 'none.json'))
    for start in (apis.train, apis.dry_run):
        with pytest.raises(ValueError, match='1 problem found before training'):
            start(cfg)
    assert not (tmp_path / 'run').exists()


def test_load_from_starts_student_and_teacher(tmp_path):
    apis.train(toy_config(tmp_path / 'a', max_iters=2))
    cfg = toy_config(tmp_path / 'b', max_iters=2)
    cfg.optim_wrapper.optimizer.lr = 0.0
    apis.train(cfg, load_from=str(tmp_path / 'a/iter_2.pth'))
    before, after = weights_of(tmp_path / 'a', 2), weights_of(tmp_path / 'b', 2)
    assert torch.equal(before['student.0.weight'], after['student.0.weight'])
    # The loaded teacher followed the student with 0.9, it was not replaced by it.
    assert not torch.equal(after['labeler.teacher.0.weight'], after['student.0.weight'])


def test_dry_run_reports_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = apis.dry_run(toy_config(tmp_path / 'run'))
    assert report['model'] == 'ToyDetector'
    assert report['sources'] == {'labeled': 7, 'unlabeled': 11}
    assert report['predictions'] == 4
    assert report['losses']['sup_loss'] > 0
    assert list(tmp_path.iterdir()) == []
    text = apis.report_text(report)
    for part in (
        'ToyDetector',
        '7 labeled, 11 unlabeled',
        'batch: 2 labeled',
        'sup_loss',
        '4 boxes',
    ):
        assert part in text


def test_dry_run_reports_problems_together(tmp_path):
    cfg = toy_config(tmp_path)
    cfg.train_dataloader.batch_size = 3
    with pytest.raises(ValueError, match="loader's batch size"):
        apis.dry_run(cfg)


# ------------------------------------------------------------------ test options


def test_predictions_are_drawn_where_asked(tmp_path):
    cfg = toy_config(tmp_path)
    draw_predictions(cfg, show=False, show_dir='shown', wait_time=1)
    hook = cfg.default_hooks.visualization
    assert (hook.draw, hook.test_out_dir, 'show' in hook) == (True, 'shown', False)
    with pytest.raises(ValueError, match='visualization'):
        draw_predictions(Config(), show=True, show_dir=None, wait_time=1)


def test_out_must_be_a_pickle(tmp_path):
    with pytest.raises(ValueError, match='pkl'):
        apis.test(toy_config(tmp_path), 'x.pth', out='x.json')


def test_tta_is_a_flip_unless_the_config_says_more():
    pipeline = [dict(type='LoadImageFromFile'), dict(type='PackDetInputs')]
    cfg = Config(
        dict(
            model=dict(type='M'),
            test_dataloader=dict(dataset=dict(type='R', dataset=dict(pipeline=pipeline))),
        )
    )
    use_tta(cfg)
    assert cfg.model.type == 'DetTTAModel' and cfg.model.module.type == 'M'
    load, views = cfg.test_dataloader.dataset.dataset.pipeline
    assert load.type == 'LoadImageFromFile' and views.type == 'TestTimeAug'
    assert 'flip' in views.transforms[1][0].meta_keys


TWO_STAGE = dict(type='FasterRCNN', test_cfg=dict(rpn=dict(nms_pre=9), rcnn=dict(score_thr=0.05)))


@pytest.mark.parametrize(
    ('model', 'where'),
    [
        (TWO_STAGE, ('test_cfg', 'rcnn')),
        (dict(type='RetinaNet', test_cfg=dict(nms_pre=9, score_thr=0.05)), ('test_cfg',)),
        (dict(type='PseudoLabelDetector', detector=TWO_STAGE), ('detector', 'test_cfg', 'rcnn')),
    ],
)
def test_score_threshold_is_set_wherever_it_is(model, where):
    cfg = Config(dict(model=model, score_thr=0.5))
    set_score_threshold(cfg, 0.001)
    holder = cfg.model
    for name in where:
        holder = holder[name]
    assert (holder.score_thr, cfg.score_thr) == (0.001, 0.5)
    assert str(cfg.model).count('score_thr') == 1


def test_score_threshold_of_a_model_without_one_is_an_error():
    labeler = dict(type='Bank', score_thr=0.3)  # not a threshold of final predictions
    cfg = Config(dict(model=dict(type='ToyDetector', labeler=labeler)))
    with pytest.raises(ValueError, match='score_thr.*ToyDetector.*--score-thr'):
        set_score_threshold(cfg, 0.001)
    with pytest.raises(ValueError, match=r'\[0, 1\), got 5'):
        set_score_threshold(Config(dict(model=TWO_STAGE)), 5.0)


def test_metrics_are_of_this_call(tmp_path):
    """Cut off in its last evaluation and resumed: what the message hub has of an earlier one is not the result."""
    cfg = toy_config(tmp_path, max_iters=4)
    cfg.train_cfg.val_interval = 2
    assert apis.train(cfg)
    assert apis.train(cfg, resume='auto') == {}


def test_no_data_workers_is_a_setting_that_torch_takes():
    """`workers = 0` of a config that also has what only workers need."""
    loader = dict(num_workers=0, persistent_workers=True, prefetch_factor=4)
    cfg = load_config(
        Config(dict(model={}, train_dataloader=loader, val_dataloader=dict(num_workers=1)))
    )
    assert cfg.train_dataloader == dict(num_workers=0, persistent_workers=False)
    assert cfg.val_dataloader == dict(num_workers=1, timeout=600)
