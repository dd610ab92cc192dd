"""The focal losses of the stand-in: hand-worked numbers, mmdet's own implementation, the formula's derivative."""

import math

import mmcv.ops
import pytest
import torch
from mmdet.models.losses.focal_loss import FocalLoss, py_sigmoid_focal_loss
from torch import Tensor

from mmssod.ops import kernels

CLASSES = 5


def rows(count: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Logits (count, CLASSES), some of them extreme, and targets of every class and background."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(count, CLASSES, generator=generator) * 4
    logits.view(-1)[::7] *= 20
    target = torch.arange(count) % (CLASSES + 1)
    return logits.to(dtype), target


def one_hot(target: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(target, CLASSES + 1)[:, :CLASSES]


# --- sigmoid --------------------------------------------------------------------------------------


def test_sigmoid_by_hand() -> None:
    """At p = 1/2, gamma 2 and alpha 1/4: 1/16 ln 2 at the class, 3/16 ln 2 elsewhere."""
    logits = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    loss = mmcv.ops.sigmoid_focal_loss(logits, torch.tensor([1]), 2.0, 0.25, None, 'none')
    expected = torch.tensor([[3 * math.log(2) / 16, math.log(2) / 16]], dtype=torch.float64)
    torch.testing.assert_close(loss, expected)
    loss.sum().backward()
    # d/dz: alpha_t (1 - p)^2 (2 p ln p - (1 - p)), and z = -x where the class is another.
    slope = (math.log(2) + 0.5) / 4
    expected = torch.tensor([[0.75 * slope, -0.25 * slope]], dtype=torch.float64)
    torch.testing.assert_close(logits.grad, expected)


@pytest.mark.parametrize('alpha', [0.25, 0.9])
@pytest.mark.parametrize('gamma', [0.0, 0.5, 1.0, 2.0, 3.5])
@pytest.mark.parametrize('count', [0, 1, 40])
def test_sigmoid_equals_mmdet(count: int, gamma: float, alpha: float) -> None:
    logits, target = rows(count)
    if 0 < gamma < 1:
        logits.clamp_(-9, 9)  # mmdet's gradient is NaN where 1 - p_t is 0 in float32
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss = mmcv.ops.sigmoid_focal_loss(ours, target, gamma, alpha, None, 'none')
    expected = py_sigmoid_focal_loss(
        theirs, one_hot(target), gamma=gamma, alpha=alpha, reduction='none'
    )
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    share = torch.linspace(0.5, 2, loss.numel()).view_as(loss)
    (loss * share).sum().backward()
    (expected * share).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
def test_sigmoid_at_its_ends_is_finite(gamma: float) -> None:
    """Sure and right costs nothing, sure and wrong costs the logit, with slopes 0 and 1."""
    logits = torch.tensor([[1000.0, -1000.0], [-1000.0, 1000.0]], requires_grad=True)
    loss = mmcv.ops.sigmoid_focal_loss(logits, torch.tensor([0, 0]), gamma, 0.5, None, 'none')
    loss.sum().backward()
    assert torch.equal(loss, torch.tensor([[0.0, 0], [500, 500]]))
    assert torch.equal(logits.grad, torch.tensor([[0.0, 0], [-0.5, 0.5]]))


@pytest.mark.parametrize('reduction', ['none', 'mean', 'sum'])
def test_sigmoid_derivative(reduction: str) -> None:
    logits = rows(7, torch.float64)[0].clamp(-6, 6).requires_grad_()
    target = rows(7)[1]

    def loss(x: Tensor) -> Tensor:
        return mmcv.ops.sigmoid_focal_loss(x, target, 2.0, 0.25, None, reduction)

    assert torch.autograd.gradcheck(loss, logits)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_sigmoid_in_half_computes_in_float32(dtype: torch.dtype) -> None:
    logits, target = rows(40, dtype)
    half, full = logits.clone().requires_grad_(), logits.float().requires_grad_()
    loss = mmcv.ops.sigmoid_focal_loss(half, target, 2.0, 0.25, None, 'none')
    expected = mmcv.ops.sigmoid_focal_loss(full, target, 2.0, 0.25, None, 'none')
    assert loss.dtype is dtype
    assert torch.equal(loss, expected.to(dtype))
    loss.sum().backward()
    expected.sum().backward()
    assert torch.equal(half.grad, full.grad.to(dtype))


def test_sigmoid_ignores_autocast() -> None:
    logits, target = rows(40)
    expected = mmcv.ops.sigmoid_focal_loss(logits, target, 2.0, 0.25, None, 'none')
    with torch.autocast('cpu', torch.bfloat16):
        loss = mmcv.ops.sigmoid_focal_loss(logits, target, 2.0, 0.25, None, 'none')
    assert torch.equal(loss, expected)


def test_class_weights_multiply_rows_and_background_weighs_1() -> None:
    logits, target = rows(12)
    weight = torch.tensor([0.5, 1.0, 2.0, 3.0, 0.0])
    of_rows = torch.tensor([0.5, 1, 2, 3, 0, 1, 0.5, 1, 2, 3, 0, 1])[:, None]
    plain, weighted = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss = mmcv.ops.sigmoid_focal_loss(plain, target, 2.0, 0.25, None, 'none') * of_rows
    found = mmcv.ops.sigmoid_focal_loss(weighted, target, 2.0, 0.25, weight, 'none')
    torch.testing.assert_close(found, loss)
    loss.sum().backward()
    found.sum().backward()
    torch.testing.assert_close(weighted.grad, plain.grad)


@pytest.mark.parametrize('count', [0, 1, 40])
def test_focal_loss_of_mmdet_on_cuda(count: int, as_on_cuda) -> None:
    """mmdet's module, with sample weights and an average factor, answers on CUDA what it answers on a CPU."""
    logits, target = rows(count)
    weight, criterion = torch.linspace(0, 2, count), FocalLoss(loss_weight=1.5)
    on_cuda, on_cpu = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss = criterion(on_cuda, target, weight, avg_factor=3.0)
    loss.backward()
    assert as_on_cuda == {'sigmoid_focal_loss_forward': 1, 'sigmoid_focal_loss_backward': 1}
    expected = 1.5 * py_sigmoid_focal_loss(on_cpu, one_hot(target), weight, avg_factor=3.0)
    expected.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(on_cuda.grad, on_cpu.grad, rtol=1e-5, atol=1e-5)


# --- softmax --------------------------------------------------------------------------------------


def slow_softmax(logits: Tensor, target: Tensor, gamma: float, alpha: float) -> Tensor:
    """The formula, row by row; background has no loss."""
    log_p = logits.log_softmax(1)
    losses = [
        -alpha * (1 - row[label].exp()) ** gamma * row[label] if label < CLASSES else row.sum() * 0
        for row, label in zip(log_p, target.tolist(), strict=True)
    ]
    return torch.stack(losses) if losses else logits.sum(1)


@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
@pytest.mark.parametrize('count', [0, 1, 40])
def test_softmax_equals_the_formula(count: int, gamma: float) -> None:
    logits, target = rows(count, torch.float64)
    logits = logits.clamp(-9, 9)
    ours, slow = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    found = mmcv.ops.softmax_focal_loss(ours, target, gamma, 0.25, None, 'sum')
    expected = slow_softmax(slow, target, gamma, 0.25).sum()
    torch.testing.assert_close(found, expected)
    found.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, slow.grad)


@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
def test_softmax_at_its_ends_is_finite(gamma: float) -> None:
    """p = 1 costs nothing and has no slope but for rounding; p = 0 costs as much as the smallest number."""
    logits = torch.tensor([[1000.0, 0], [0, 1000.0]], requires_grad=True)
    loss = mmcv.ops.softmax_focal_loss(logits, torch.tensor([0, 0]), gamma, 1.0, None, 'sum')
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(torch.finfo(torch.float32).tiny))
    assert torch.equal(logits.grad, torch.tensor([[0.0, 0], [-1, 1]]))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_softmax_in_half_computes_in_float32(dtype: torch.dtype) -> None:
    logits, target = rows(12, dtype)
    p, weight = logits.softmax(1), torch.tensor([0.5, 1.0, 2.0, 3.0, 0.0]).to(dtype)
    loss, expected = p.new_zeros(12), torch.zeros(12)
    kernels.softmax_focal_loss_forward(p, target, weight, loss, 2.0, 0.25)
    kernels.softmax_focal_loss_forward(p.float(), target, weight.float(), expected, 2.0, 0.25)
    assert torch.equal(loss, expected.to(dtype)) and expected.count_nonzero() == 8
    grad, expected_grad = torch.zeros_like(p), torch.zeros(12, CLASSES)
    kernels.softmax_focal_loss_backward(p, target, weight, loss, grad, 2.0, 0.25)
    kernels.softmax_focal_loss_backward(
        p.float(), target, weight.float(), loss, expected_grad, 2.0, 0.25
    )
    assert torch.equal(grad, expected_grad.to(dtype))
