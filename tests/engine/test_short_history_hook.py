"""The log in memory stays short, and the same in a run that was cut."""

import pytest
import torch
from builders.toy_training import toy_config

from mmssod import apis

LENGTH = 4
LATE = 2 * LENGTH


def train(folder, max_iters, length=LENGTH, **changes):
    cfg = toy_config(folder, max_iters=max_iters)
    cfg.log_processor = dict(type='LogProcessor', window_size=2, by_epoch=False, **changes)
    cfg.default_hooks.short_history = dict(type='ShortHistoryHook', length=length)
    apis.train(cfg, resume='auto')
    stored = torch.load(folder / f'iter_{max_iters}.pth', weights_only=False)
    log = stored['message_hub']['log_scalars']
    return {name: history.data[0].tolist() for name, history in log.items()}


@pytest.mark.parametrize('iterations', [LENGTH - 1, LATE - 1, LATE, LATE + 3])
def test_the_newest_values_stay(tmp_path, iterations):
    whole = train(tmp_path / 'whole', iterations, length=1000)
    short = train(tmp_path / 'short', iterations)
    kept = min(iterations, LENGTH)
    for name in ('train/loss', 'train/lr'):
        assert len(whole[name]) == iterations
        assert short[name] == whole[name][-kept:]


def test_a_run_that_was_cut_has_the_same_log(tmp_path):
    whole = train(tmp_path / 'whole', LATE + 3)
    train(tmp_path / 'cut', LENGTH + 2)
    assert train(tmp_path / 'cut', LATE + 3)['train/loss'] == whole['train/loss']


def test_a_checkpoint_of_a_run_without_the_hook_is_shortened(tmp_path):
    train(tmp_path, 2 * LATE, length=1000)
    assert len(train(tmp_path, 2 * LATE + 2)['train/loss']) == LENGTH


def test_what_is_averaged_over_the_whole_run_is_kept(tmp_path):
    over_all = dict(data_src='loss', log_name='loss_all', method_name='mean', window_size='global')
    log = train(tmp_path, LATE, custom_cfg=[over_all])
    assert len(log['train/loss']) == LATE
    assert len(log['train/lr']) == LENGTH


def test_a_window_longer_than_what_is_kept_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r'length: expected at least 2, .* got 1'):
        train(tmp_path, 1, length=1)
