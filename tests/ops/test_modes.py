"""The backward passes that a GPU sums in no fixed order warn in torch's deterministic mode and do not raise."""

from collections.abc import Callable, Iterator

import mmcv.ops
import pytest
import torch
from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction
from torch import Tensor

from mmssod import ops

pytestmark = pytest.mark.skipif(ops.status() != 'stand-in', reason='mmcv is compiled here')


@pytest.fixture(params=[False, True], ids=['raise', 'warn'])
def deterministic(request: pytest.FixtureRequest) -> Iterator[bool]:
    """torch's deterministic mode, set to raise and set to warn."""
    torch.use_deterministic_algorithms(True, warn_only=request.param)
    yield request.param
    torch.use_deterministic_algorithms(False)


def roi_align(x: Tensor) -> Tensor:
    return mmcv.ops.roi_align(x, torch.tensor([[0.0, 0, 0, 3, 3]]), 2, 1.0, 0, 'avg', True)


def deform(x: Tensor) -> Tensor:
    return mmcv.ops.deform_conv2d(x, torch.zeros(1, 18, 2, 2), torch.ones(1, 2, 3, 3))


def modulated(x: Tensor) -> Tensor:
    offset, mask = torch.zeros(1, 18, 2, 2), torch.ones(1, 9, 2, 2)
    return mmcv.ops.modulated_deform_conv2d(x, offset, mask, torch.ones(1, 2, 3, 3))


def attention(x: Tensor) -> Tensor:
    shapes, starts = torch.tensor([[4, 4]]), torch.tensor([0])
    value, locations = x.reshape(1, 16, 1, 2), torch.full((1, 1, 1, 1, 1, 2), 0.5)
    weights = torch.ones(1, 1, 1, 1, 1)
    return MultiScaleDeformableAttnFunction.apply(value, shapes, starts, locations, weights, 64)


@pytest.mark.parametrize(
    ('operator', 'owner', 'name'),
    [
        (roi_align, torch.ops.torchvision, '_roi_align_backward'),
        (deform, torch.ops.torchvision, '_deform_conv2d_backward'),
        (modulated, torch.ops.torchvision, '_deform_conv2d_backward'),
        (attention, torch.autograd, 'grad'),
    ],
)
def test_only_the_sum_in_no_fixed_order_runs_in_another_mode(
    operator: Callable[[Tensor], Tensor],
    owner: object,
    name: str,
    deterministic: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warn_only = []
    original = getattr(owner, name)

    def watched(*args, **kwargs):
        warn_only.append(torch.is_deterministic_algorithms_warn_only_enabled())
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, watched)
    x = torch.ones(1, 2, 4, 4, requires_grad=True)
    operator(x).sum().backward()
    assert warn_only == [True]
    assert x.grad is not None and x.grad.count_nonzero()
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled() is deterministic


def test_after_an_error_the_mode_is_as_it_was(deterministic: bool) -> None:
    from mmssod.ops.kernels.numerics import tolerate_nondeterminism

    with pytest.raises(RuntimeError, match='inside'), tolerate_nondeterminism():
        raise RuntimeError('inside')
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled() is deterministic
