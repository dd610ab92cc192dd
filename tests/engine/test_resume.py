"""A run that was interrupted ends like one that was not, bit by bit."""

import json
import os
import random
import socket
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from builders.fakes import fake_runner
from builders.toy_training import toy_config, weights_of
from torch.utils.data import DataLoader, Sampler

from mmssod import apis
from mmssod.engine import FastResumeHook, SeedHook
from mmssod.engine.reliability.resume import mix


def draws(tmp_path, **values):
    SeedHook().before_train_iter(fake_runner(tmp_path, **values), 0)
    return random.random(), np.random.rand(), torch.rand(()).item()


def test_randomness_depends_on_seed_rank_and_iteration_alone(tmp_path):
    first = draws(tmp_path, seed=1, rank=0, iter=5)
    random.random(), np.random.rand(3), torch.rand(7)
    assert draws(tmp_path, seed=1, rank=0, iter=5) == first
    for other in ({'seed': 2}, {'rank': 1}, {'iter': 6}):
        changed = draws(tmp_path, **{'seed': 1, 'rank': 0, 'iter': 5, **other})
        assert all(a != b for a, b in zip(first, changed, strict=True))


def test_mix_scatters_neighbours():
    seeds = {
        mix(seed, rank, iteration)
        for seed in range(8)
        for rank in range(8)
        for iteration in range(64)
    }
    assert len(seeds) == 8 * 8 * 64
    assert all(0 <= seed < 2**64 for seed in seeds)
    assert len({seed & 0xFFFFFFFF for seed in seeds}) == len(seeds)


class Counting(Sampler):
    """0, 1, 2, ... without end."""

    def __init__(self):
        self.start, self.seed = 0, 0

    def __iter__(self):
        number = self.start
        while True:
            yield number
            number += 1


class Skipping(Counting):
    """From where ``skip`` says."""

    def skip(self, samples):
        self.start = samples


class Numbers(torch.utils.data.Dataset):
    """Item i is i; remembers what was asked for."""

    def __init__(self):
        self.loaded = []

    def __len__(self):
        return 10**9

    def __getitem__(self, index):
        self.loaded.append(index)
        return index


class OldIterator:
    """mmengine 0.10.7's: eager, without ``skip_iter``."""

    def __init__(self, loader):
        self.iterator = iter(loader)

    def __next__(self):
        return next(self.iterator)


def old_loop(iteration, sampler=Skipping):
    loader = DataLoader(Numbers(), batch_size=2, sampler=sampler())
    return SimpleNamespace(
        dataloader=loader, dataloader_iterator=OldIterator(loader), iter=iteration
    )


def test_old_loop_resumes_without_loading_the_past(tmp_path):
    loop = old_loop(100_000)
    FastResumeHook().before_train_epoch(fake_runner(tmp_path, iter=100_000, train_loop=loop))
    for _ in range(100_000):  # what mmengine 0.10.7 does on resume
        next(loop.dataloader_iterator)
    assert next(loop.dataloader_iterator).tolist() == [200_000, 200_001]
    assert next(loop.dataloader_iterator).tolist() == [200_002, 200_003]
    assert loop.dataloader.dataset.loaded == [200_000, 200_001, 200_002, 200_003]


def test_fresh_run_and_sampler_without_skip_keep_the_loops_way(tmp_path):
    for iteration, sampler in ((0, Skipping), (3, Counting)):
        loop = old_loop(iteration, sampler)
        before = loop.dataloader_iterator
        FastResumeHook().before_train_epoch(fake_runner(tmp_path, iter=iteration, train_loop=loop))
        assert loop.dataloader_iterator is before


def test_sampler_gets_the_seed_of_the_interrupted_run(tmp_path):
    loop = old_loop(3)
    FastResumeHook().before_train_epoch(fake_runner(tmp_path, iter=3, seed=99, train_loop=loop))
    assert loop.dataloader.sampler.seed == 99


WORKERS = dict(num_workers=1, persistent_workers=True)
STEADY = dict(model=dict(dropout=0.0, norm=False))  # alike in one process and in several


@pytest.mark.parametrize(('cut', 'loader', 'seed'), [(2, None, 3), (4, WORKERS, None)])
def test_two_and_two_steps_are_four(tmp_path, cut, loader, seed):
    """Weights, teacher, batch norm, class statistics, momentum and schedule: all equal."""

    def run(name, iterations, randomness, resume=False):
        cfg = toy_config(tmp_path / name, max_iters=iterations, loader=loader)
        cfg.randomness = randomness
        apis.train(cfg, resume=resume)

    run('whole', 6, dict(seed=seed))
    whole = torch.load(tmp_path / 'whole/iter_6.pth', weights_only=False)
    # Without a configured seed the first run's stands for the draw of the interrupted one ...
    run('cut', cut, dict(seed=whole['meta']['seed']))
    # ... and the resumed run draws another, which it must not use.
    run('cut', 6, dict(seed=seed), resume=True)
    resumed = torch.load(tmp_path / 'cut/iter_6.pth', weights_only=False)
    for name, value in whole['state_dict'].items():
        assert torch.equal(value, resumed['state_dict'][name]), name
    ours, theirs = (run['optimizer']['state'] for run in (whole, resumed))
    assert all(torch.equal(ours[k]['momentum_buffer'], theirs[k]['momentum_buffer']) for k in ours)
    assert (tmp_path / 'cut/class_balance.jsonl').read_text() == (
        tmp_path / 'whole/class_balance.jsonl'
    ).read_text()


def counted_between(folder, iterations, ask=4, log=8):
    """A toy run whose checkpoints lie between lines of its class balance, and between resets of the counts."""
    cfg = toy_config(folder, max_iters=iterations)
    cfg.default_hooks.checkpoint.interval = 3
    intervals = dict(ClassBalanceHook=ask, PseudoLabelHook=log)
    for hook in cfg.custom_hooks:
        hook.update(interval=intervals[hook.type]) if hook.type in intervals else None
    return cfg


@pytest.mark.parametrize(('cut', 'ask', 'log'), [(3, 4, 8), (6, 8, 4), (6, 4, 100)])
def test_counts_of_pseudo_boxes_go_on(tmp_path, cut, ask, log):
    """A line after a resume counts the images from before it, too."""
    apis.train(counted_between(tmp_path / 'whole', 9, ask, log))
    apis.train(counted_between(tmp_path / 'cut', cut, ask, log))
    apis.train(counted_between(tmp_path / 'cut', 9, ask, log), resume=True)
    whole, ended = ((tmp_path / n / 'class_balance.jsonl').read_text() for n in ('whole', 'cut'))
    assert ended == whole
    counts = [json.loads(line)['pseudo_boxes'] for line in whole.splitlines()[1:]]
    assert all(any(numbers) for numbers in counts)


def test_a_checkpoint_without_counts_resumes(tmp_path):
    """One of before they were kept; and weights to start from bring none."""
    apis.train(counted_between(tmp_path, 3))
    file = tmp_path / 'iter_3.pth'
    checkpoint = torch.load(file, weights_only=False)
    assert checkpoint['pseudo_label_counts'].pop('statistics')['statistics.images'] == 4
    assert not any('statistics' in name for name in checkpoint['state_dict'])
    apis.train(counted_between(tmp_path / 'other', 3), load_from=str(file))
    torch.save(checkpoint, file)
    apis.train(counted_between(tmp_path, 6), resume=True)
    for newest, images in ((tmp_path / 'iter_6.pth', 6), (tmp_path / 'other/iter_3.pth', 4)):
        kept = torch.load(newest, weights_only=False)['pseudo_label_counts']['statistics']
        assert kept['statistics.images'] == images


def test_a_teacher_from_load_from_outlives_a_resume_within_the_burn_in(tmp_path):
    """Student and teacher start from a checkpoint; at the end of the burn-in the teacher is not overwritten."""

    def run(name, iterations, start=None, resume=False):
        cfg = toy_config(tmp_path / name, max_iters=iterations)
        for hook in cfg.custom_hooks:
            if hook.type == 'EMATeacherHook':
                hook.burn_in = 3
        apis.train(cfg, resume=resume, load_from=start)

    run('before', 5)
    start = str(tmp_path / 'before/iter_5.pth')
    run('whole', 6, start)
    run('cut', 2, start)
    run('cut', 6, resume=True)
    whole, cut = weights_of(tmp_path / 'whole', 6), weights_of(tmp_path / 'cut', 6)
    for name, value in whole.items():
        assert torch.equal(value, cut[name]), name


def late(folder, iterations, *, loader=None, accumulated=1, **toy):
    """A toy run whose unlabeled images come in with the burn-in's end, at iteration 3."""
    cfg = toy_config(folder, max_iters=iterations, loader=loader, **toy)
    cfg.optim_wrapper.accumulative_counts = accumulated
    for hook in cfg.custom_hooks:
        if hook.type == 'EMATeacherHook':
            hook.burn_in = 3
    return cfg


@pytest.mark.parametrize(
    ('cut', 'loader', 'accumulated'),
    [(2, None, 1), (3, WORKERS, 1), (4, WORKERS, 1), (2, WORKERS, 2), (4, None, 2)],
)
def test_a_late_source_survives_a_resume(tmp_path, cut, loader, accumulated):
    """Cut before, at and after the burn-in's end; with workers that load ahead; with accumulated gradients."""
    more = dict(loader=loader, accumulated=accumulated)
    apis.train(late(tmp_path / 'whole', 6, **more))
    apis.train(late(tmp_path / 'cut', cut, **more))
    apis.train(late(tmp_path / 'cut', 6, **more), resume=True)
    whole, ended = weights_of(tmp_path / 'whole', 6), weights_of(tmp_path / 'cut', 6)
    for name, value in whole.items():
        assert torch.equal(value, ended[name]), name


def in_one_of_two(rank, folder, port):
    """Whole and cut runs of one of two processes."""
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE='2')
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    for name, iterations, resume in (('whole', 6, False), ('cut', 2, False), ('cut', 6, True)):
        cfg = late(Path(folder) / name, iterations, counts=(1, 1), **STEADY)
        cfg.env_cfg.dist_cfg = dict(backend='gloo')
        apis.train(cfg, launcher='pytorch', resume=resume)


@pytest.mark.slow
def test_a_late_source_in_two_processes(tmp_path):
    """They end like one process with twice the images, and so does a run that was resumed within the burn-in."""
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        port = server.getsockname()[1]
    torch.multiprocessing.spawn(in_one_of_two, (str(tmp_path), port), nprocs=2)
    apis.train(late(tmp_path / 'one', 6, counts=(2, 2), **STEADY))
    one, whole, cut = (weights_of(tmp_path / name, 6) for name in ('one', 'whole', 'cut'))
    for name, value in whole.items():
        assert torch.equal(value, cut[name]), name
        torch.testing.assert_close(value, one[name], msg=name)


def test_the_toy_run_would_notice(tmp_path):
    """Without the hook the same cut ends elsewhere: the law above is not empty."""
    for name, iterations, resume in (('whole', 4, False), ('cut', 2, False), ('cut', 4, True)):
        cfg = toy_config(tmp_path / name, max_iters=iterations)
        cfg.custom_hooks = [hook for hook in cfg.custom_hooks if hook.type != 'SeedHook']
        apis.train(cfg, resume=resume)
    whole, cut = weights_of(tmp_path / 'whole', 4), weights_of(tmp_path / 'cut', 4)
    assert any(not torch.equal(value, cut[name]) for name, value in whole.items())
