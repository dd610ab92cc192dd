"""Two processes that are told to end, and two that go on: bit by bit those that were not told."""

import re

import pytest
import torch
from builders.fault_runs import differences, start_two, wait
from builders.toy_training import toy_config
from builders.trainings import small_config, small_data
from world import torchrun_told

from mmssod import apis

ITERATIONS = 9
TOLD_IN = 4  # between two planned checkpoints, where the processes' batch norms differ


def run(folder, max_iters=ITERATIONS, hooks=(), val_interval=1000):
    """Exit codes of two gloo processes."""
    cfg = toy_config(folder, max_iters=max_iters, hooks=hooks)
    cfg.default_hooks.checkpoint.interval = 3
    cfg.train_cfg.val_interval = val_interval
    cfg.env_cfg.dist_cfg = dict(backend='gloo', timeout=60)

    def action():
        apis.train(cfg, launcher='pytorch', resume='auto')

    return [wait(pid, 120) for pid in start_two(action, folder.with_suffix('.log'))]


def told(rank):
    return [dict(type='Told', iteration=TOLD_IN, rank=rank)]


def test_all_stop_after_the_same_iteration_and_go_on(tmp_path):
    whole, cut = tmp_path / 'whole', tmp_path / 'cut'
    assert run(whole) == [0, 0]
    assert run(cut, hooks=told(1)) == [143, 143]
    log = next(cut.glob('*/*.log')).read_text()
    assert re.findall(r'stopped after iteration (\d+)', log) == [str(TOLD_IN + 1)]
    early = torch.load(cut / f'iter_{TOLD_IN + 1}.pth', weights_only=False)
    own = early['buffers_of_processes']
    assert not own[0] and any('running_mean' in name for name in own[1])
    assert run(cut) == [0, 0]
    assert differences(whole, cut, f'iter_{ITERATIONS}.pth') == []


def test_all_leave_an_evaluation(tmp_path):
    """One is told in its only batch; both stop after it, and the whole evaluation is made up for."""
    whole, cut = tmp_path / 'whole', tmp_path / 'cut'
    interval = dict(val_interval=4)
    assert run(whole, **interval) == [0, 0]
    told_there = [dict(type='EvaluationScheduler', iteration=4, rank=1)]
    assert run(cut, hooks=told_there, **interval) == [143, 143]
    log = next(cut.glob('*/*.log')).read_text()
    assert re.findall(r'stopped after iteration (\d+), in its evaluation', log) == ['4']
    assert not (cut / 'last_evaluation').exists()
    assert run(cut, **interval) == [0, 0]
    assert differences(whole, cut, f'iter_{ITERATIONS}.pth') == []
    assert (cut / 'last_evaluation').read_text() == str(ITERATIONS)


def test_one_process_goes_on_from_two(tmp_path):
    """It cannot be bit by bit the same; it must not take another process's buffers."""
    assert run(tmp_path / 'cut', hooks=told(0)) == [143, 143]
    apis.train(toy_config(tmp_path / 'cut', max_iters=ITERATIONS), resume='auto')
    assert (tmp_path / f'cut/iter_{ITERATIONS}.pth').exists()


def mixpl(cfg):
    """The same run with MixPL: each process remembers four views, and mixes after two steps."""
    values = dict(memory_size=4, mosaic_sizes=(24, 48), empty_images='background')
    cfg.model.update(type='MixPLDetector', **values)
    cfg.model.balancer.update(threshold=0.0, bounds=(0.0, 1.0))
    cfg.default_hooks.view_memory = dict(type='ViewMemoryHook')
    cfg.train_dataloader.batch_size = 3
    cfg.train_dataloader.sampler.counts.unlabeled = 2


@pytest.mark.slow  # six processes of a real detector
@pytest.mark.parametrize('changed', [lambda cfg: None, mixpl], ids=['mean teacher', 'mixpl'])
def test_a_detector_resumes_in_two_processes(tmp_path, changed):
    """The shipped runtime and pipelines; two and one steps are three."""
    data = small_data(tmp_path / 'data')

    def train(name, max_iters):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        cfg = small_config(data, folder, max_iters)
        cfg.env_cfg.dist_cfg = dict(backend='gloo', timeout=60)
        changed(cfg)

        def action():
            apis.train(cfg, work_dir=str(folder), seed=0, launcher='pytorch', resume='auto')

        assert [wait(pid, 120) for pid in start_two(action, tmp_path / f'{name}.log')] == [0, 0]

    for name, max_iters in (('whole', 3), ('cut', 2), ('cut', 3)):
        train(name, max_iters)
    assert differences(tmp_path / 'whole', tmp_path / 'cut', 'iter_3.pth') == []
    end = torch.load(tmp_path / 'cut/iter_3.pth', weights_only=False)
    assert end['state_dict']['balancer.count'].sum() > 0
    if changed is mixpl:  # each process has four views of its own
        first, second = end['view_memory']
        assert len(first) == len(second) == 4
        assert not any(torch.equal(a, b) for (a, _), (b, _) in zip(first, second, strict=True))


@pytest.mark.slow  # torchrun imports everything in three processes
@pytest.mark.parametrize('group', [False, True])
def test_a_signal_to_torchrun_that_comes_twice(tmp_path, group):
    result = torchrun_told(tmp_path, group=group)
    assert result['passed'], result
