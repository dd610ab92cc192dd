"""The branches that mmdet and mmcv take on CUDA, taken on the CPU."""

import sys
from collections import Counter
from types import SimpleNamespace

import mmcv.ops.multi_scale_deform_attn as mmcv_attention
import mmdet.models.losses.focal_loss as mmdet_focal_loss
import pytest
import torch

from mmssod import ops
from mmssod.ops import kernels


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """How often each operator of ``mmcv._ext`` is called from now on."""
    counter: Counter = Counter()
    extension = sys.modules[ops.EXTENSION]

    def counting(name: str, operator):
        def call(*args, **kwargs):
            counter[name] += 1
            return operator(*args, **kwargs)

        return call

    for name in kernels.__all__:
        monkeypatch.setattr(extension, name, counting(name, getattr(extension, name)))
    return counter


@pytest.fixture
def as_on_cuda(calls: Counter, monkeypatch: pytest.MonkeyPatch) -> Counter:
    """mmdet's focal loss and mmcv's attention take every tensor for one on CUDA; what they call then."""
    if ops.status() != 'stand-in':
        pytest.skip("mmcv's compiled attention is CUDA's alone")
    cuda = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: True))
    monkeypatch.setattr(mmdet_focal_loss, 'torch', cuda)
    monkeypatch.setattr(mmcv_attention, 'IS_CUDA_AVAILABLE', True)
    monkeypatch.setattr(torch.Tensor, 'is_cuda', property(lambda tensor: True))
    return calls
