"""Multi-scale deformable attention of the stand-in: hand-worked numbers, mmcv's own CPU version, derivatives."""

import pytest
import torch
from mmcv.ops.multi_scale_deform_attn import (
    MultiScaleDeformableAttention,
    MultiScaleDeformableAttnFunction,
    multi_scale_deformable_attn_pytorch,
)
from torch import Tensor

from mmssod import ops
from mmssod.ops import kernels

pytestmark = pytest.mark.skipif(
    ops.status() != 'stand-in', reason="mmcv's compiled attention is CUDA's alone"
)

HEADS, CHANNELS, POINTS = 2, 4, 3


def problem(
    batch: int, queries: int, sizes: list[tuple[int, int]], dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Value, shapes, starts, locations from outside to outside of the image, and weights."""
    generator = torch.Generator().manual_seed(0)
    shapes = torch.tensor(sizes)
    cells = shapes.prod(1)
    of_queries = (batch, queries, HEADS, len(sizes), POINTS)
    return (
        torch.randn(batch, int(cells.sum()), HEADS, CHANNELS, generator=generator).to(dtype),
        shapes,
        cells.cumsum(0) - cells,
        (torch.rand(*of_queries, 2, generator=generator) * 1.6 - 0.3).to(dtype),
        torch.rand(*of_queries, generator=generator).to(dtype),
    )


def attend(tensors: tuple[Tensor, ...], step: int = 64) -> Tensor:
    return MultiScaleDeformableAttnFunction.apply(*tensors, step)


def leaves(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Copies, of which value, locations and weights collect gradients."""
    return tuple(t.detach().clone().requires_grad_(t.is_floating_point()) for t in tensors)


def gradients(tensors: tuple[Tensor, ...]) -> list[Tensor]:
    return [t.grad for t in tensors if t.requires_grad]


@pytest.mark.parametrize(
    ('x', 'y', 'expected'),
    [
        (0.25, 0.25, 1.0),  # the middle of the first cell
        (0.75, 0.25, 2.0),  # x goes to the right
        (0.5, 0.5, 2.5),  # between all four
        (0.5, 0.25, 1.5),
        (0.0, 0.0, 0.25),  # a corner: three of four neighbors are outside and 0
        (1.0, 0.75, 2.0),  # an edge: half of 4
        (1.3, 0.5, 0.0),  # outside
    ],
)
def test_by_hand(x: float, y: float, expected: float) -> None:
    value = torch.tensor([1.0, 2, 3, 4]).reshape(1, 4, 1, 1)
    location = torch.tensor([x, y]).reshape(1, 1, 1, 1, 1, 2)
    tensors = (
        value,
        torch.tensor([[2, 2]]),
        torch.tensor([0]),
        location,
        torch.ones(1, 1, 1, 1, 1),
    )
    assert attend(tensors).item() == pytest.approx(expected)


@pytest.mark.parametrize('sizes', [[(1, 1)], [(3, 5)], [(6, 4), (3, 2), (2, 1)]])
@pytest.mark.parametrize(('batch', 'queries'), [(0, 5), (1, 0), (1, 1), (3, 7)])
def test_equals_mmcv(batch: int, queries: int, sizes: list[tuple[int, int]]) -> None:
    ours, theirs = leaves(problem(batch, queries, sizes)), leaves(problem(batch, queries, sizes))
    found = attend(ours)
    expected = multi_scale_deformable_attn_pytorch(
        theirs[0], theirs[1].tolist(), theirs[3], theirs[4]
    )
    assert found.shape == (batch, queries, HEADS * CHANNELS)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    share = torch.linspace(-1, 1, found.numel()).view_as(found)
    found.backward(share)
    expected.backward(share)
    for one, other in zip(gradients(ours), gradients(theirs), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_derivative() -> None:
    value, shapes, starts, locations, weights = problem(1, 2, [(3, 4), (2, 2)], torch.float64)

    def output(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
        return attend((value, shapes, starts, locations, weights))

    assert torch.autograd.gradcheck(output, leaves((value, locations, weights)))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_computes_in_float32(dtype: torch.dtype) -> None:
    tensors = problem(2, 5, [(6, 4), (3, 2)], dtype)
    half = leaves(tensors)
    full = leaves(tuple(t.float() if t.is_floating_point() else t for t in tensors))
    found, expected = attend(half), attend(full)
    assert found.dtype is dtype
    assert torch.equal(found, expected.to(dtype))
    share = torch.linspace(-1, 1, found.numel()).view_as(found).to(dtype)
    found.backward(share)
    expected.backward(share.float())
    for one, other in zip(gradients(half), gradients(full), strict=True):
        assert torch.equal(one, other.to(dtype))


def test_autocast_changes_nothing() -> None:
    plain, cast = leaves(problem(2, 5, [(6, 4)])), leaves(problem(2, 5, [(6, 4)]))
    expected = attend(plain)
    expected.sum().backward()
    with torch.autocast('cpu', torch.bfloat16):
        found = attend(cast)
        found.sum().backward()
    assert torch.equal(found, expected)
    for one, other in zip(gradients(cast), gradients(plain), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize('step', [1, 2, 64])
def test_images_at_once_change_nothing(step: int) -> None:
    tensors = problem(3, 5, [(6, 4), (3, 2)])
    assert torch.equal(attend(tensors, step), attend(tensors))


def test_levels_are_where_their_start_says() -> None:
    value, shapes, starts, locations, weights = problem(1, 4, [(6, 4), (3, 2)])
    swapped = torch.cat([value[:, 24:], value[:, :24]], 1)  # the second level's keys come first
    found = attend((swapped, shapes, torch.tensor([6, 0]), locations, weights))
    assert torch.equal(found, attend((value, shapes, starts, locations, weights)))


def test_adds_to_the_gradient_of_the_value_and_writes_the_others() -> None:
    tensors = problem(1, 4, [(6, 4), (3, 2)])
    share = torch.ones(1, 4, HEADS * CHANNELS)
    one = [torch.zeros_like(tensors[i]) for i in (0, 3, 4)]
    other = [torch.ones_like(tensors[i]) for i in (0, 3, 4)]
    kernels.ms_deform_attn_backward(*tensors, share, *one, im2col_step=64)
    kernels.ms_deform_attn_backward(*tensors, share, *other, im2col_step=64)
    torch.testing.assert_close(other[0], one[0] + 1)
    assert torch.equal(other[1], one[1]) and torch.equal(other[2], one[2])
    assert all(gradient.count_nonzero() for gradient in one)


@pytest.mark.parametrize('corners', [2, 4])
def test_module_of_mmcv_on_cuda(corners: int, as_on_cuda) -> None:
    """mmcv's module answers on CUDA what it answers on a CPU, for points and for boxes of reference."""
    torch.manual_seed(0)
    module = MultiScaleDeformableAttention(16, 4, 2, 2, dropout=0.0, batch_first=True)
    torch.nn.init.normal_(module.sampling_offsets.weight)
    torch.nn.init.normal_(module.attention_weights.weight)
    query, value = torch.randn(2, 6, 16), torch.randn(2, 4 * 5 + 2 * 3, 16)
    shapes, starts = torch.tensor([[4, 5], [2, 3]]), torch.tensor([0, 20])
    reference = torch.rand(2, 6, 2, corners)
    padding = torch.zeros(2, 26, dtype=torch.bool)
    padding[1, ::5] = True

    def run(on_cuda: bool) -> tuple[Tensor, list[Tensor]]:
        module.zero_grad()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.Tensor, 'is_cuda', property(lambda tensor: on_cuda))
            output = module(
                query,
                value=value,
                key_padding_mask=padding,
                reference_points=reference,
                spatial_shapes=shapes,
                level_start_index=starts,
            )
            output.square().sum().backward()
        return output, [parameter.grad.clone() for parameter in module.parameters()]

    expected, expected_gradients = run(on_cuda=False)
    assert not as_on_cuda
    found, found_gradients = run(on_cuda=True)
    assert as_on_cuda == {'ms_deform_attn_forward': 1, 'ms_deform_attn_backward': 1}
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    for one, other in zip(found_gradients, expected_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
