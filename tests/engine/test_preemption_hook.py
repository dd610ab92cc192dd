"""SIGTERM: a checkpoint, then the exit; and the run that goes on ends as one that was not told."""

import multiprocessing
import os
import signal
import time
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from builders.toy_training import toy_config, weights_of
from mmdet.registry import HOOKS
from mmengine.hooks import Hook

from mmssod import apis
from mmssod.engine import PreemptionHook
from mmssod.engine.reliability import preemption_hook


@HOOKS.register_module()
class Scheduler(Hook):
    """Signals the process, and its data workers, in an iteration."""

    def __init__(self, iteration, times=1, workers=False, signal=signal.SIGTERM):
        self.iteration, self.times, self.workers, self.signal = iteration, times, workers, signal

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            for _ in range(self.times):
                for child in multiprocessing.active_children() if self.workers else ():
                    os.kill(child.pid, self.signal)
                os.kill(os.getpid(), self.signal)


def told(folder, *, max_iters=6, loader=None, **scheduler):
    scheduler = dict(type='Scheduler', **scheduler)
    return toy_config(folder, max_iters=max_iters, hooks=[scheduler], loader=loader)


@pytest.mark.parametrize('loader', [None, dict(num_workers=1, persistent_workers=True)])
@pytest.mark.parametrize('iteration', [2, 3])  # with, and without, a checkpoint of its own
def test_saves_exits_and_goes_on(tmp_path, iteration, loader):
    before = signal.getsignal(signal.SIGTERM)
    apis.train(toy_config(tmp_path / 'whole', max_iters=6))
    started = time.monotonic()
    with pytest.raises(SystemExit) as end:
        apis.train(told(tmp_path / 'cut', iteration=iteration, workers=True, loader=loader))
    assert end.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before
    assert (tmp_path / f'cut/iter_{iteration + 1}.pth').exists()
    assert not multiprocessing.active_children() and time.monotonic() - started < 60
    apis.train(toy_config(tmp_path / 'cut', max_iters=6), resume='auto')
    whole, cut = weights_of(tmp_path / 'whole', 6), weights_of(tmp_path / 'cut', 6)
    assert all(torch.equal(value, cut[name]) for name, value in whole.items())


@pytest.mark.parametrize('ignored', [False, True])
def test_a_closed_terminal_is_heard_unless_nohup_has_it_ignored(tmp_path, ignored):
    """SIGHUP; with nohup the run goes on to its end."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        with nullcontext() if ignored else pytest.raises(SystemExit) as end:
            apis.train(told(tmp_path, iteration=2, signal=signal.SIGHUP))
        assert ignored or end.value.code == 129
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (tmp_path / f'iter_{6 if ignored else 3}.pth').exists()


def evaluated(folder, **scheduler):
    """Checkpoints after 2, 4 and 6 of 6 iterations, evaluations of two batches after 3 and 6."""
    hooks = [dict(type='EvaluationScheduler', **scheduler)] if scheduler else []
    cfg = toy_config(folder, max_iters=6, hooks=hooks)
    cfg.train_cfg.val_interval = 3
    return cfg


@pytest.mark.parametrize('iteration', [3, 6])  # without, and with, a checkpoint of its own
def test_an_evaluation_is_left_and_made_up_for(tmp_path, iteration):
    apis.train(evaluated(tmp_path / 'whole'))
    with pytest.raises(SystemExit) as end:
        apis.train(evaluated(tmp_path / 'cut', iteration=iteration))
    assert end.value.code == 143
    assert (tmp_path / 'cut/last_checkpoint').read_text().endswith(f'iter_{iteration}.pth')
    log = next((tmp_path / 'cut').glob('*/*.log')).read_text()
    assert f'stopped after iteration {iteration}, in its evaluation' in log
    assert not (tmp_path / f'cut/iter_{iteration + 1}.pth').exists()
    done = tmp_path / 'cut/last_evaluation'
    assert (done.read_text() if done.exists() else '0') == str(
        iteration - 3 if iteration > 3 else 0
    )
    metrics = apis.train(evaluated(tmp_path / 'cut'), resume='auto')
    assert metrics['toy/bbox_mAP'] == 0.08 and done.read_text() == '6'
    whole, cut = weights_of(tmp_path / 'whole', 6), weights_of(tmp_path / 'cut', 6)
    assert all(torch.equal(value, cut[name]) for name, value in whole.items())


def test_an_evaluation_between_optimizer_steps_is_sat_through(tmp_path):
    cfg = evaluated(tmp_path, iteration=3)
    cfg.optim_wrapper.accumulative_counts = 2
    with pytest.raises(SystemExit):
        apis.train(cfg)
    assert (tmp_path / 'last_evaluation').read_text() == '3'
    assert (tmp_path / 'last_checkpoint').read_text().endswith('iter_4.pth')


def test_the_last_iteration_ends_as_ever(tmp_path):
    cfg = told(tmp_path, iteration=5)
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    apis.train(cfg)
    assert (tmp_path / 'iter_6.pth').exists()


def test_the_last_evaluation_is_left(tmp_path):
    """Told in the last iteration, whose evaluation is still to come."""
    with pytest.raises(SystemExit):
        apis.train(told(tmp_path, iteration=5))
    assert not (tmp_path / 'last_evaluation').exists()
    assert apis.train(toy_config(tmp_path, max_iters=6), resume='auto')['toy/bbox_mAP'] == 0.08


@pytest.mark.parametrize('workers', [False, True])
def test_a_repeated_signal_is_one(tmp_path, workers):
    """Slurm signals all processes of a job, and torchrun's agent passes its own on."""
    loader = dict(num_workers=1, persistent_workers=True) if workers else None
    with pytest.raises(SystemExit):
        apis.train(told(tmp_path, iteration=2, times=3, workers=workers, loader=loader))
    assert (tmp_path / 'iter_3.pth').exists()


def test_a_later_signal_is_meant(tmp_path, monkeypatch):
    monkeypatch.setattr(preemption_hook, 'REPEATS', -1.0)
    with pytest.raises(SystemExit):
        apis.train(told(tmp_path, iteration=2, times=2))
    assert not (tmp_path / 'iter_3.pth').exists()


def test_another_signal_is_no_repetition():
    """Slurm's warning and, a minute later, its SIGTERM: the second is the first of its kind."""
    clock = iter([0.0, 60.0, 65.0, 75.0])
    hook = PreemptionHook()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preemption_hook.time, 'monotonic', lambda: next(clock))
        hook._note(signal.SIGUSR1, None)
        hook._note(signal.SIGTERM, None)
        hook._note(signal.SIGTERM, None)
        with pytest.raises(SystemExit) as end:
            hook._note(signal.SIGTERM, None)
    assert end.value.code == 143


@pytest.mark.parametrize(('second', 'ends'), [(5.0, False), (15.0, True)])
def test_a_data_worker_outlives_repetitions(tmp_path, second, ends):
    pid = os.fork()
    if not pid:
        clock = iter([0.0, second])
        preemption_hook.time = SimpleNamespace(monotonic=lambda: next(clock))
        signal.signal(signal.SIGTERM, preemption_hook._Later())
        os.kill(os.getpid(), signal.SIGTERM)
        left = signal.alarm(0)
        os.kill(os.getpid(), signal.SIGTERM)
        os._exit(7 if left == preemption_hook.GRACE else 8)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == (-signal.SIGTERM if ends else 7)


@HOOKS.register_module()
class Pooled(Hook):
    """Leaves a pool of forked processes at work, as VOC's evaluation of mmdet does, and ends it."""

    seconds = None

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        pool = multiprocessing.get_context('fork').Pool(1)
        pool.map(abs, [1])
        pool.apply_async(time.sleep, [60])
        time.sleep(0.2)
        started = time.monotonic()
        pool.terminate()
        pool.join()
        Pooled.seconds = time.monotonic() - started


def test_another_forked_process_ends_when_told(tmp_path):
    apis.train(toy_config(tmp_path, max_iters=1, hooks=[dict(type='Pooled')]))
    assert Pooled.seconds < preemption_hook.GRACE / 3


def test_gathered_gradients_are_not_lost(tmp_path):
    cfg = told(tmp_path, iteration=2)
    cfg.optim_wrapper.accumulative_counts = 2
    cfg.default_hooks.checkpoint.interval = 4
    with pytest.raises(SystemExit):
        apis.train(cfg)
    assert [path.name for path in tmp_path.glob('*.pth')] == ['iter_4.pth']


@HOOKS.register_module()
class Presses(Hook):
    """Ctrl-C in an iteration, for the process and its data workers, as a terminal sends it."""

    def __init__(self, iteration, times=1):
        self.iteration, self.times = iteration, times

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            for _ in range(self.times):
                for process in (*(p.pid for p in multiprocessing.active_children()), os.getpid()):
                    os.kill(process, signal.SIGINT)


@pytest.mark.parametrize('loader', [None, dict(num_workers=1, persistent_workers=True)])
def test_ctrl_c_saves_and_goes_on(tmp_path, loader, capfd):
    before = signal.getsignal(signal.SIGINT)
    hooks = [dict(type='Presses', iteration=2, times=2)]  # torchrun's agent passes it on
    with pytest.raises(SystemExit) as end:
        apis.train(toy_config(tmp_path, max_iters=6, hooks=hooks, loader=loader))
    assert end.value.code == 130 and (tmp_path / 'iter_3.pth').exists()
    assert signal.getsignal(signal.SIGINT) is before
    assert capfd.readouterr().err.count('Ctrl-C: saving a checkpoint') == 1
    assert apis.train(toy_config(tmp_path, max_iters=6), resume='auto')['toy/bbox_mAP'] == 0.08


def test_ctrl_c_pressed_again_ends_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(preemption_hook, 'AGAIN', -1.0)
    with pytest.raises(SystemExit) as end:
        apis.train(toy_config(tmp_path, hooks=[dict(type='Presses', iteration=2, times=2)]))
    assert end.value.code == 130 and not (tmp_path / 'iter_3.pth').exists()


def test_interval_must_be_positive():
    with pytest.raises(ValueError, match='interval >= 1'):
        PreemptionHook(interval=0)
