"""Switches of torch by a hook."""

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
