"""Deformable convolution of the stand-in: hand-worked numbers, ordinary convolution, bilinear samples, derivatives."""

from collections import Counter

import mmcv.ops
import pytest
import torch
import torch.nn.functional as F
from reference_ops import sampled_conv
from torch import Tensor

from mmssod import ops
from mmssod.ops import kernels

needs_stand_in = pytest.mark.skipif(ops.status() != 'stand-in', reason='mmcv is compiled here')

# Height and width are never equal, so that no pair can be swapped unseen.
STRIDE, PADDING, DILATION = (2, 1), (1, 2), (1, 2)
KERNEL = (3, 2)
PLAIN = ((1, 1), (0, 0), (1, 1))


def random(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=generator).to(dtype)


class Case:
    """Tensors of a convolution with ``groups`` and ``deform_groups``, of 4 channels in and out."""

    def __init__(self, groups: int, deform_groups: int, dtype: torch.dtype = torch.float64) -> None:
        self.input = random(2, 4, 6, 7, dtype=dtype)
        self.weight = random(4, 4 // groups, *KERNEL, dtype=dtype)
        size = F.conv2d(self.input, self.weight, None, *self.geometry, groups).shape[2:]
        points = deform_groups * KERNEL[0] * KERNEL[1]
        self.offset = random(2, points * 2, *size, dtype=dtype) * 2
        self.mask = random(2, points, *size, dtype=dtype).sigmoid()
        self.bias = random(4, dtype=dtype)
        self.groups, self.deform_groups = groups, deform_groups

    geometry = (STRIDE, PADDING, DILATION)

    def deform(self, input: Tensor, offset: Tensor, weight: Tensor) -> Tensor:
        return mmcv.ops.deform_conv2d(
            input, offset, weight, *self.geometry, self.groups, self.deform_groups
        )

    def modulated(
        self, input: Tensor, offset: Tensor, weight: Tensor, mask: Tensor, bias: Tensor | None
    ) -> Tensor:
        return mmcv.ops.modulated_deform_conv2d(
            input, offset, mask, weight, bias, *self.geometry, self.groups, self.deform_groups
        )

    def leaves(self, *names: str) -> list[Tensor]:
        return [getattr(self, name).clone().requires_grad_() for name in names]


GROUPS = pytest.mark.parametrize(('groups', 'deform_groups'), [(1, 1), (2, 1), (1, 2), (4, 2)])


# --- values ---------------------------------------------------------------------------------------


def test_by_hand() -> None:
    """A kernel of one point over [[1, 2], [3, 4]]: offsets are down first, then right."""
    input = torch.tensor([[[[1.0, 2], [3, 4]]]])
    weight = torch.full((1, 1, 1, 1), 10.0)
    down = torch.tensor([[[[0.0, 1], [0, 0.5]]]])
    right = torch.tensor([[[[0.0, 0], [1, -0.5]]]])
    found = mmcv.ops.deform_conv2d(input, torch.cat([down, right], 1), weight)
    # Stays at 1; from 2 down to 4; from 3 right to 4; from 4 to between 3, 4 and two zeros below.
    assert found.tolist() == [[[[10.0, 40.0], [40.0, 17.5]]]]
    mask = torch.tensor([[[[1.0, 0.5], [0, 2]]]])
    offset, bias = torch.cat([down, right], 1), torch.tensor([1.0])
    found = mmcv.ops.modulated_deform_conv2d(input, offset, mask, weight, bias)
    assert found.tolist() == [[[[11.0, 21.0], [1.0, 36.0]]]]


@GROUPS
def test_without_offset_it_is_a_convolution(groups: int, deform_groups: int) -> None:
    case = Case(groups, deform_groups)
    none, ones = torch.zeros_like(case.offset), torch.ones_like(case.mask)
    expected = F.conv2d(case.input, case.weight, None, *case.geometry, groups)
    torch.testing.assert_close(case.deform(case.input, none, case.weight), expected)
    expected = expected + case.bias[:, None, None]
    found = case.modulated(case.input, none, case.weight, ones, case.bias)
    torch.testing.assert_close(found, expected)


def test_whole_offsets_shift_the_input() -> None:
    """2 down and 1 to the left reads what stands there; beyond the edge stand zeros."""
    input, weight = random(1, 2, 6, 7), random(3, 2, 3, 3)
    offset = torch.zeros(1, 18, 4, 5, dtype=torch.float64)
    offset[:, 0::2], offset[:, 1::2] = 2, -1
    shifted = torch.zeros_like(input)
    shifted[:, :, :-2, 1:] = input[:, :, 2:, :-1]
    found = mmcv.ops.deform_conv2d(input, offset, weight)
    torch.testing.assert_close(found, F.conv2d(shifted, weight))


def test_each_deformable_group_has_its_offset_and_mask() -> None:
    """A depthwise kernel of one point: the first two channels move down, the others to the right."""
    input = random(1, 4, 3, 3)
    offset = torch.zeros(1, 4, 3, 3, dtype=torch.float64)
    offset[:, 0], offset[:, 3] = 1, 1
    mask = torch.tensor([2.0, 3.0], dtype=torch.float64)[:, None, None].expand(1, 2, 3, 3)
    weight = torch.ones(4, 1, 1, 1, dtype=torch.float64)
    found = mmcv.ops.modulated_deform_conv2d(input, offset, mask, weight, None, 1, 0, 1, 4, 2)
    expected = torch.zeros_like(input)
    expected[:, :2, :-1] = 2 * input[:, :2, 1:]
    expected[:, 2:, :, :-1] = 3 * input[:, 2:, :, 1:]
    torch.testing.assert_close(found, expected)


@GROUPS
@pytest.mark.parametrize('masked', [False, True])
def test_equals_its_definition_in_values_and_gradients(
    groups: int, deform_groups: int, masked: bool
) -> None:
    case = Case(groups, deform_groups)
    names = ('input', 'offset', 'weight') + ('mask',) * masked
    ours, slow = case.leaves(*names), case.leaves(*names)
    found = case.modulated(*ours, None) if masked else case.deform(*ours)
    mask = slow[3] if masked else torch.ones_like(case.mask)
    expected = sampled_conv(*slow[:3], mask, groups, case.geometry)
    torch.testing.assert_close(found, expected)
    share = random(*found.shape)
    found.backward(share)
    expected.backward(share)
    for one, other in zip(ours, slow, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


# --- derivatives ----------------------------------------------------------------------------------


@pytest.mark.parametrize(('groups', 'deform_groups'), [(1, 1), (2, 2)])
def test_derivative(groups: int, deform_groups: int) -> None:
    case = Case(groups, deform_groups)
    case.input, case.offset = case.input[:1, :, :4, :5], case.offset[:1, :, :2, :7]
    case.mask = case.mask[:1, :, :2, :7]
    tensors = case.leaves('input', 'offset', 'weight', 'mask', 'bias')
    assert torch.autograd.gradcheck(case.deform, tensors[:3])
    assert torch.autograd.gradcheck(case.modulated, tensors)


@needs_stand_in
def test_one_backward_pass_computes_gradients_once(monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []
    original = torch.ops.torchvision._deform_conv2d_backward

    def counting(*args):
        computed.append(1)
        return original(*args)

    monkeypatch.setattr(torch.ops.torchvision, '_deform_conv2d_backward', counting)
    case = Case(1, 1)
    case.deform(*case.leaves('input', 'offset', 'weight')).sum().backward()
    assert len(computed) == 1


ONES = dict(group=1, deformable_group=1)
OF_DEFORM = dict(dH=2, dW=1, padH=1, padW=2, dilationH=1, dilationW=2, kH=3, kW=2, im2col_step=1)
OF_MODULATED = dict(stride_h=2, stride_w=1, pad_h=1, pad_w=2, dilation_h=1, dilation_w=2)
OF_MODULATED |= dict(kernel_h=3, kernel_w=2, with_bias=True)
UNUSED = torch.empty(0)


def buffers(case: Case, fill: float) -> dict[str, Tensor]:
    names = ('input', 'offset', 'weight', 'mask', 'bias')
    return {name: torch.full_like(getattr(case, name), fill) for name in names}


def deform_backward(case: Case, share: Tensor, into: dict[str, Tensor], scale: float) -> None:
    """As mmcv calls it, with the two calls' scratch memory apart."""
    a, options = (case.input, case.offset, share), OF_DEFORM | ONES
    kernels.deform_conv_backward_input(
        *a, into['input'], into['offset'], case.weight, torch.empty(0), **options
    )
    kernels.deform_conv_backward_parameters(
        *a, into['weight'], torch.empty(0), UNUSED, scale=scale, **options
    )


def modulated_backward(case: Case, share: Tensor, into: dict[str, Tensor]) -> None:
    kernels.modulated_deform_conv_backward(
        *(case.input, case.weight, case.bias, UNUSED, case.offset, case.mask, UNUSED),
        *(into[name] for name in ('input', 'weight', 'bias', 'offset', 'mask')),
        share,
        **OF_MODULATED,
        **ONES,
    )


@pytest.mark.parametrize('change', ['none', 'other tensor', 'in place'])
def test_gradient_of_the_weight_is_that_of_its_own_call(change: str) -> None:
    """Between mmcv's two calls, which share scratch memory, the output's gradient may become another."""
    case, scratch = Case(1, 1), torch.empty(0)
    share = random(*case.deform(case.input, case.offset, case.weight).shape)
    into = buffers(case, 0.0)
    kernels.deform_conv_backward_input(
        *(case.input, case.offset, share, into['input'], into['offset'], case.weight, scratch),
        **OF_DEFORM,
        **ONES,
    )
    if change == 'other tensor':
        share = share + 1
    elif change == 'in place':
        share += 1
    for _ in range(2):  # what was kept is there once
        kernels.deform_conv_backward_parameters(
            *(case.input, case.offset, share, into['weight'], scratch, UNUSED),
            **OF_DEFORM,
            **ONES,
            scale=1.0,
        )
    weight = case.leaves('weight')[0]
    case.deform(case.input, case.offset, weight).backward(share)
    torch.testing.assert_close(into['weight'], 2 * weight.grad)


def test_deform_adds_to_gradients_that_outputs_share_and_writes_the_others() -> None:
    case = Case(1, 1)
    weight = case.leaves('weight')[0]
    output = case.deform(case.input, case.offset, weight)
    output.sum().backward()
    zeros, ones = buffers(case, 0.0), buffers(case, 1.0)
    for into in (zeros, ones):
        deform_backward(case, torch.ones_like(output), into, scale=0.5)
    torch.testing.assert_close(zeros['weight'], weight.grad / 2)
    for name in ('input', 'weight'):
        torch.testing.assert_close(ones[name], zeros[name] + 1)
    assert torch.equal(ones['offset'], zeros['offset']) and zeros['offset'].count_nonzero()


def test_modulated_adds_to_gradients_that_outputs_share_and_writes_the_others() -> None:
    case = Case(1, 1)
    share = torch.ones_like(case.deform(case.input, case.offset, case.weight))
    zeros, ones = buffers(case, 0.0), buffers(case, 1.0)
    for into in (zeros, ones):
        modulated_backward(case, share, into)
    for name in ('input', 'weight', 'bias'):
        torch.testing.assert_close(ones[name], zeros[name] + 1)
    for name in ('offset', 'mask'):
        assert torch.equal(ones[name], zeros[name]) and zeros[name].count_nonzero()


# --- types, modes, nothing ------------------------------------------------------------------------


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@needs_stand_in
def test_half_computes_in_float32(dtype: torch.dtype) -> None:
    case = Case(2, 2, dtype)
    for function, names in (
        (case.deform, ('input', 'offset', 'weight')),
        (case.modulated, ('input', 'offset', 'weight', 'mask', 'bias')),
    ):
        half = case.leaves(*names)
        full = [leaf.detach().float().requires_grad_() for leaf in half]
        found, expected = function(*half), function(*full)
        assert found.dtype is dtype
        assert torch.equal(found, expected.to(dtype))
        share = random(*found.shape, dtype=dtype)
        found.backward(share)
        expected.backward(share.float())
        for one, other in zip(half, full, strict=True):
            assert torch.equal(one.grad, other.grad.to(dtype))


@needs_stand_in
@pytest.mark.parametrize('layer', ['DCN', 'DCNv2'])
def test_autocast_rounds_what_ordinary_convolutions_round(layer: str) -> None:
    """The layer's own offsets are bfloat16 under autocast, and so is what it answers; gradients are finite."""
    torch.manual_seed(0)
    conv = mmcv.ops.DeformConv2dPack if layer == 'DCN' else mmcv.ops.ModulatedDeformConv2dPack
    module = conv(4, 4, 3, padding=1)
    torch.nn.init.normal_(module.conv_offset.weight, std=0.1)
    input = random(2, 4, 6, 7, dtype=torch.float32).requires_grad_()
    expected = module(input)
    with torch.autocast('cpu', torch.bfloat16):
        found = module(input)
        found.square().sum().backward()
    assert found.dtype is torch.bfloat16
    torch.testing.assert_close(found.float(), expected, rtol=0.1, atol=0.1)
    assert all(p.grad.isfinite().all() and p.grad.count_nonzero() for p in module.parameters())


def test_without_images_nothing_happens() -> None:
    """mmcv's autograd functions divide by the number of images, so the operators are called themselves."""
    case = Case(1, 1)
    case.input, case.offset, case.mask = case.input[:0], case.offset[:0], case.mask[:0]
    output = torch.empty(0, 4, *case.offset.shape[2:], dtype=torch.float64)
    kernels.deform_conv_forward(
        case.input, case.weight, case.offset, output, UNUSED, UNUSED, **OF_DEFORM, **ONES
    )
    kernels.modulated_deform_conv_forward(
        *(case.input, case.weight, case.bias, UNUSED, case.offset, case.mask, output, UNUSED),
        **OF_MODULATED,
        **ONES,
    )
    into = buffers(case, 0.0)
    deform_backward(case, output, into, scale=1.0)
    modulated_backward(case, output, into)
    assert not into['weight'].count_nonzero() and not into['bias'].count_nonzero()


def test_more_images_than_torchvision_takes_at_once() -> None:
    input, weight = random(37, 2, 4, 5), random(3, 2, 3, 3)
    offset = random(37, 18, 2, 3)
    found = mmcv.ops.deform_conv2d(input, offset, weight, 1, 0, 1, 1, 1, False, 37)
    expected = sampled_conv(input, offset, weight, torch.ones(37, 9, 2, 3), 1, PLAIN)
    torch.testing.assert_close(found, expected)


def test_offsets_of_another_shape_are_an_error() -> None:
    case = Case(1, 1)
    with pytest.raises(RuntimeError, match='offset'):
        case.deform(case.input, case.offset[:, :-2], case.weight)


def test_calls_of_mmcv(calls: Counter) -> None:
    """What mmcv's layers call, so that the tests above are about these operators."""
    case = Case(1, 1)
    case.deform(*case.leaves('input', 'offset', 'weight')).sum().backward()
    case.modulated(*case.leaves('input', 'offset', 'weight', 'mask', 'bias')).sum().backward()
    names = [
        'deform_conv_forward',
        'deform_conv_backward_input',
        'deform_conv_backward_parameters',
        'modulated_deform_conv_forward',
        'modulated_deform_conv_backward',
    ]
    assert calls == dict.fromkeys(names, 1)
