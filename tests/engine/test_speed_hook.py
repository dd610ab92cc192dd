"""Switches of torch by a hook."""

import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmssod.engine import SpeedHook


@pytest.fixture(autouse=True)
def torchs_own_settings():
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]


@pytest.mark.parametrize('on', [False, True])
def test_channels_last(on):
    model = nn.Conv2d(4, 4, 3)
    SpeedHook(channels_last=on).before_run(SimpleNamespace(model=model))
    assert model.weight.is_contiguous(memory_format=torch.channels_last) is on


@pytest.mark.parametrize(('on', 'precision'), [(False, 'highest'), (True, 'high')])
def test_tf32(on, precision):
    torch.set_float32_matmul_precision('highest')
    SpeedHook(tf32=on).before_run(SimpleNamespace(model=nn.Linear(1, 1)))
    assert torch.get_float32_matmul_precision() == precision


def run_of(model, kind=torch.optim.AdamW, **kwargs):
    optimizer = kind([p for p in model.parameters()], lr=0.01, **kwargs)
    return SimpleNamespace(model=model, optim_wrapper=SimpleNamespace(optimizer=optimizer))


def steps(run, number, seed):
    torch.manual_seed(seed)
    for _ in range(number):
        run.model(torch.randn(2, 4, 8, 8)).square().mean().backward()
        run.optim_wrapper.optimizer.step()
        run.optim_wrapper.optimizer.zero_grad()
    return [p.detach().clone() for p in run.model.parameters()]


@pytest.mark.parametrize('kind', [torch.optim.AdamW, torch.optim.SGD])
def test_a_fused_optimizer_goes_on_from_a_checkpoint_of_another_layout(kind):
    """Three steps, then three more in a model with its channels last."""
    weights = []
    for on in (False, True):
        torch.manual_seed(0)
        momentum = dict(momentum=0.9) if kind is torch.optim.SGD else {}
        first = run_of(nn.Conv2d(4, 4, 3), kind, **momentum)
        steps(first, 3, 1)
        second = run_of(nn.Conv2d(4, 4, 3), kind, **momentum)
        second.model.load_state_dict(first.model.state_dict())
        hook = SpeedHook(channels_last=on, fused_optimizer=on)
        hook.before_run(second)
        second.optim_wrapper.optimizer.load_state_dict(first.optim_wrapper.optimizer.state_dict())
        hook.before_train(second)
        assert bool(second.optim_wrapper.optimizer.param_groups[0].get('fused')) is on
        weights.append(steps(second, 3, 2))
    torch.testing.assert_close(*weights)


def test_an_optimizer_that_torch_cannot_fuse_stays_as_it_is():
    run = run_of(nn.Linear(1, 1), torch.optim.RMSprop)
    SpeedHook(fused_optimizer=True).before_train(run)
    assert 'fused' not in run.optim_wrapper.optimizer.param_groups[0]


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='a switch of glibc')
def test_freed_memory_is_kept():
    """In a fresh process: a block of 30 MB that is used again has no new pages, and before it has all of them."""
    code = (
        'import resource, torch\n'
        'from mmssod.engine.hooks.speed_hook import keep_memory\n'
        'def new_pages():\n'
        '    torch.ones(7_500_000)\n'
        '    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n'
        '    torch.ones(7_500_000)\n'
        '    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n'
        'print(new_pages(), keep_memory(), new_pages())\n'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    before, kept, after = done.stdout.split()
    assert kept == 'True' and int(after) < 100 and int(before) >= int(after)
