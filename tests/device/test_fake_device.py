"""The fake device behaves as CUDA does: its rules case by case, and its numbers are the CPU's."""

import copy
import re

import numpy as np
import pytest
import torch
from fake_device import DEVICE, DeviceError, DeviceTensor, device_mode, on_device
from mmcv.ops import roi_align
from mmengine.device import get_device
from torch import nn
from torch.nn import functional as F


@pytest.fixture(autouse=True)
def mode():
    with device_mode() as device:
        yield device


def host():
    return torch.arange(6.0).reshape(2, 3)


def device():
    return host().to(DEVICE)


def number(value=2.0):
    return torch.tensor(value)


# ------------------------------------------------------------------ what is allowed

ALLOWED = dict(
    number_of_the_host=lambda d, h: d + number(),
    number_of_the_host_first=lambda d, h: number() * d,
    two_numbers=lambda d, h: number() + d.sum(),
    python_number=lambda d, h: d * 2 + 1,
    where_number=lambda d, h: torch.where(d > 1, d, number()),
    clamp_number=lambda d, h: d.clamp(max=number()),
    filled_number=lambda d, h: d.masked_fill(d > 1, number()),
    host_index=lambda d, h: d[torch.tensor([1, 0])],
    host_mask=lambda d, h: d[h > 2],
    list_index=lambda d, h: d[[1, 0]],
    range_and_index=lambda d, h: d[range(2), torch.tensor([2, 0], device=d.device)],
    no_index=lambda d, h: d[[]],
    list_and_slice=lambda d, h: d[:, [0, 2]],
    array_index=lambda d, h: d[np.array([True, False])],
    own_mask=lambda d, h: d[d > 2],
    copy_from_host=lambda d, h: d.clone().copy_(h),
    like_another=lambda d, h: h.to(d),
    type_of_another=lambda d, h: h.type_as(d),
    second_number=lambda d, h: h.to(0),
    cuda=lambda d, h: h.cuda(),
    new_tensor=lambda d, h: d.new_tensor([1, 2]),
    new_zeros=lambda d, h: d.new_zeros(3),
    arange=lambda d, h: torch.arange(3, device=d.device) + d[0],
    zeros_by_name=lambda d, h: torch.zeros(3, device='cuda'),
    tensor=lambda d, h: torch.tensor([1.0, 2.0], device=d.device),
    as_tensor=lambda d, h: torch.as_tensor([1.0, 2.0], device=d.device),
    as_tensor_array=lambda d, h: torch.as_tensor(np.eye(2), device=d.device),
    from_numpy=lambda d, h: torch.from_numpy(np.eye(2)).to(d.device, non_blocking=True),
    pinned=lambda d, h: h.pin_memory().to(d.device),
    stack=lambda d, h: torch.stack([d, d]),
    boxes=lambda d, h: torch.ops.torchvision.nms(d.new_tensor([[0, 0, 9, 9], [0, 0, 9, 8.0]]), d[0, :2], 0.5),
    shape_in_place=lambda d, h: d.clone().unsqueeze_(0),
    type_in_place=lambda d, h: d.to(torch.int64),
)  # fmt: skip


@pytest.mark.parametrize('case', ALLOWED)
def test_allowed_with_the_numbers_of_the_host(case):
    torch.manual_seed(0)
    found = ALLOWED[case](device(), host())
    assert found.device == DEVICE and found.is_cuda and isinstance(found, DeviceTensor)
    torch.manual_seed(0)
    expected = ALLOWED[case](*(torch.arange(6.0).reshape(2, 3) for _ in range(2)))
    assert found.shape == expected.shape and found.dtype == expected.dtype
    assert torch.equal(found.cpu(), expected.cpu())


def test_reading_the_device():
    d = device()
    assert d.tolist() == host().tolist() and float(d.sum()) == 15 and int(d[1, 2]) == 5
    assert d.cpu().numpy().sum() == 15 and not isinstance(d.cpu(), DeviceTensor)
    assert (
        bool((d >= 0).all()) and f'{d.sum():.1f}' == '15.0' and list(range(d[0, 2].int())) == [0, 1]
    )
    assert host()[d[0, 1].long()].tolist() == [3, 4, 5]  # a number is read
    assert torch.tensor([d.sum(), 3.0]).tolist() == [15, 3]
    assert d.get_device() == 0 and torch.device(d.device.type, 0) == DEVICE
    assert torch.cuda.is_available() and get_device() == 'cuda'


def test_assignments():
    d, h = device(), host()
    d[:1], h[:1] = host()[1:], device()[1:]  # copies
    d[torch.tensor([1])] = 7.0
    d[d > 6] = number(8.0)
    assert d.tolist() == [[3, 4, 5], [8, 8, 8]] and h[0].tolist() == [3, 4, 5]
    h[torch.tensor([0])] = device().sum()
    assert h[0].tolist() == [15, 15, 15]


# ------------------------------------------------------------------ what is not

REFUSED = dict(
    sum=lambda d, h: d + h,
    number_of_the_device=lambda d, h: h * d.sum(),
    into_the_host=lambda d, h: number().add_(d.sum()),
    cat=lambda d, h: torch.cat([d, h]),
    cat_nothing=lambda d, h: torch.cat([d, h[:0]]),
    stack_numbers=lambda d, h: torch.stack([d.sum(), h.sum()]),
    matmul=lambda d, h: d @ h.T,
    arange=lambda d, h: d[0] - torch.arange(3),
    device_index=lambda d, h: h[torch.tensor([0, 1]).to(DEVICE)],
    device_mask=lambda d, h: h[d > 2],
    assigned_value=lambda d, h: d.__setitem__(d > 2, h[h > 2]),
    assigned_index=lambda d, h: h.__setitem__(d > 2, 1.0),
    gather=lambda d, h: d.gather(0, torch.zeros(1, 3, dtype=torch.long)),
    index_add=lambda d, h: d.index_add(0, torch.tensor([0]), d[:1]),
    target=lambda d, h: F.cross_entropy(d, torch.tensor([0, 1])),
    weights=lambda d, h: F.binary_cross_entropy_with_logits(d, d, weight=h),
    convolution=lambda d, h: F.conv2d(d[None, None], torch.ones(1, 1, 1, 1)),
    batch_norm=lambda d, h: F.batch_norm(d, torch.zeros(3), torch.ones(3), training=True),
    sampling=lambda d, h: F.grid_sample(d[None, None], torch.zeros(1, 2, 2, 2), align_corners=False),
    boxes=lambda d, h: torch.ops.torchvision.nms(d.new_zeros(2, 4), h[0, :2], 0.5),
    where=lambda d, h: torch.where(d > 1, d, h),
    generator=lambda d, h: torch.randperm(3, device=d.device, generator=torch.Generator()),
    equal=lambda d, h: torch.equal(d, h),
    lists=lambda d, h: torch._foreach_add([d, d], [d, h]),
    data=lambda d, h: setattr(d, 'data', h),
)  # fmt: skip


@pytest.mark.parametrize('case', REFUSED)
def test_refused_with_the_line(case):
    with pytest.raises(DeviceError) as caught:
        REFUSED[case](device(), host())
    assert re.search(rf'test_fake_device.py:\d+ `{case}=lambda', str(caught.value))


@pytest.mark.parametrize(
    'read', [np.asarray, np.array, lambda d: d.numpy(), lambda d: np.array([d.sum()])]
)
def test_no_array_of_the_device(read):
    with pytest.raises(TypeError, match=r"test_fake_device.py:\d+ `.*can't convert cuda:0 device"):
        read(device())


def test_a_compiled_operators_line_is_that_of_the_stand_in():
    with pytest.raises(
        DeviceError, match=r'kernels/nms_roi_align.py:\d+ .*roi_align.*cuda:0.*cpu \(1, 5\)'
    ):
        roi_align(device()[None, None], torch.zeros(1, 5), 1)


def test_an_operation_in_backward_names_the_line_that_called_it():
    class Shifted(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad + torch.ones(2, 3)

    loss = Shifted.apply(device().requires_grad_()).sum()
    with pytest.raises(DeviceError, match='`return grad \\+ torch.ones'):
        loss.backward()


@pytest.mark.parametrize(
    'grad', [torch.autograd.grad, lambda loss, x: (loss.backward(), x.grad)[1:]]
)
def test_new_tensors_in_backward(grad):
    class Weighed(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            return grad * torch.arange(3, device=grad.device) + torch.tensor([1.0], device='cuda')

    x = device().requires_grad_()
    (found,) = grad(Weighed.apply(x).sum(), x)
    assert found.device == DEVICE and found.tolist() == [[1, 2, 3]] * 2


def test_a_gradient_of_the_host_is_refused():
    x = device().requires_grad_()
    x.register_hook(lambda grad: grad.cpu())
    with pytest.raises(RuntimeError):
        x.sum().backward()


# ------------------------------------------------------------------ modules


class Shared(nn.Module):
    """Two layers with one weight, a buffer, and a tensor that nobody moves."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.norm = nn.BatchNorm1d(3)
        self.left_behind = torch.ones(3)

    def forward(self, x):
        return self.norm(self.second(self.first(x)))


def steps(model, x, foreach):
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, foreach=foreach)
    losses = []
    for _ in range(3):
        loss = model(x).abs().sum()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize('foreach', [False, True])
def test_training_is_that_of_the_host(foreach):
    torch.manual_seed(0)
    model = Shared()
    expected = steps(copy.deepcopy(model), host(), foreach)
    moved = on_device(model)
    assert len(list(moved.parameters())) == 5 and moved.second.weight is moved.first.weight
    assert all(isinstance(p, nn.Parameter) and p.device == DEVICE for p in moved.parameters())
    assert steps(moved, device(), foreach) == expected
    assert all(isinstance(p.grad, DeviceTensor) for p in moved.parameters())


def test_a_tensor_that_is_no_buffer_stays_behind():
    model = on_device(Shared())
    with pytest.raises(DeviceError, match='left_behind'):
        device() * model.left_behind


def test_views_write_into_what_they_are_of():
    base = device()
    row = base[0]
    row.add_(1)
    base.view(-1)[5] = 9
    assert base.tolist() == [[1, 2, 3], [3, 4, 9]]
    leaf = device().requires_grad_()
    whole = leaf * 1
    whole[0].mul_(3)
    whole.sum().backward()
    assert leaf.grad.tolist() == [[3, 3, 3], [1, 1, 1]]
