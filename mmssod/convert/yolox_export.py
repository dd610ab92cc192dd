"""Reads YOLOX's published ``.onnx`` files, whose batch norm is folded into convolutions, and restores batch norm.

An export computes ``W x + b`` where training had a convolution and a batch norm. Any batch norm that gives the same
result may take its place; which one matters to training only, see :func:`recover_norms`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mmssod.environment.errors import InputError
from mmssod.environment.packages import require_package
from mmssod.start.yolox import NORM_EPS, build_yolox, from_yolox_pth, require_whole

FILTER_NORM = 2**0.5
"""L2 norm of each filter after :func:`recover_norms`: that of He's initialization."""
_MAX_DEPTH = 8


class Export(NamedTuple):
    """What an ``.onnx`` file holds.

    Args:
        weights: In mmdet's names; each batch norm adds the folded bias and does nothing else.
        input_size: Height and width that it was exported for; None where it takes any.
    """

    weights: dict[str, Tensor]
    input_size: tuple[int, int] | None


def read_export(path: str | Path) -> Export:
    """Read a YOLOX as its authors export it.

    Args:
        path: The ``.onnx`` file.

    Raises:
        ImportError: The package ``onnx`` is not installed.
        OSError: The file cannot be read.
        ValueError: It is no export of YOLOX: no ONNX, batch norm not folded, or other layers.
    """
    graph = _graph(path)
    folded = _convolutions(graph, path)
    names = _names(folded, path)
    authors: dict[str, Tensor] = {}
    for name, (weight, bias) in zip(names, folded, strict=True):
        authors.update(_layer(name, weight, bias))
    weights = from_yolox_pth(authors)
    require_whole(weights)
    sides = [side.dim_value for side in graph.input[0].type.tensor_type.shape.dim[2:]]
    input_size = (sides[0], sides[1]) if len(sides) == 2 and all(sides) else None
    return Export(weights, input_size)


def recover_norms(weights: Mapping[str, Tensor], images: Iterable[Tensor]) -> dict[str, Tensor]:
    r"""Give each batch norm the statistics of its input on images, with the detector's outputs unchanged.

    With :math:`y = W x` before a folded bias :math:`b`, of mean :math:`\mu` and variance :math:`\sigma^2` on the
    images, and :math:`s` the factor that brings a filter to the norm :data:`FILTER_NORM`:

    .. math:: W' = s W, \quad \text{mean} = s \mu, \quad \text{var} = s^2 \sigma^2, \quad
        \gamma = \sqrt{\sigma^2 + \epsilon / s^2}, \quad \beta = b + \mu

    so that the result is :math:`W x + b` as before. The factor is free, since batch norm divides it out; but folding
    leaves filters whose norms differ by orders of magnitude, and a step of the optimizer changes a filter by its size
    relative to its norm. With a norm of :math:`\sqrt 2`, as He's initialization has, all filters learn alike.

    Args:
        weights: As :func:`read_export` gives them.
        images: Batches, shape (N, 3, H, W), BGR, 0 to 255, sides multiples of 32.

    Returns:
        New weights; nothing given is changed.

    Raises:
        ValueError: No image.
    """
    recovered = dict(weights)
    for layer, (mean, var) in _statistics(weights, images).items():
        weight, bias = weights[f'{layer}.conv.weight'], weights[f'{layer}.bn.bias']
        recovered.update(_with_norm(layer, weight, bias, mean, var))
    return recovered


def raw_outputs(model: nn.Module, images: Tensor) -> Tensor:
    """What an export answers, computed by mmdet's YOLOX.

    Args:
        model: The detector.
        images: Shape (N, 3, H, W), BGR, 0 to 255.

    Returns:
        Shape (N, points of all levels, 5 + C): x, y as offsets and w, h as logarithms, in strides; objectness and
        class scores after the sigmoid.
    """
    was_training = model.training
    model.eval()
    with torch.no_grad():
        levels = zip(*model(images, mode='tensor'), strict=True)
        rows = [
            torch.cat([box, objectness.sigmoid(), scores.sigmoid()], 1).flatten(2)
            for scores, box, objectness in levels
        ]
    model.train(was_training)
    return torch.cat(rows, 2).transpose(1, 2)


def largest_difference(
    path: str | Path, weights: Mapping[str, Tensor], images: Iterable[Tensor]
) -> float:
    """How far converted weights are from their export: the largest difference of an output.

    Args:
        path: The ``.onnx`` file.
        weights: In mmdet's names.
        images: Each of shape (1, 3, H, W) as the export takes it, BGR, 0 to 255.

    Returns:
        In the units of :func:`raw_outputs`; of scores alone where the export decodes its boxes. Ours are computed in
        float64, so that the rounding of one float32 network is in it and not that of two.

    Raises:
        ImportError: The package ``onnxruntime`` is not installed.
    """
    runtime = require_package('onnxruntime', 'convert')
    session = runtime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    entry = session.get_inputs()[0]
    copies = (
        entry.shape[0] if isinstance(entry.shape[0], int) else 1
    )  # the batch that it was exported for
    first = 4 if _decodes(_graph(path)) else 0
    model = _loaded(weights).double()
    largest = 0.0
    for image in images:
        expected = session.run(None, {entry.name: image.expand(copies, -1, -1, -1).numpy()})[0][:1]
        ours = raw_outputs(model, image.double()).numpy()
        largest = max(largest, float(np.abs(expected - ours)[..., first:].max()))
    return largest


def _graph(path: str | Path) -> Any:
    onnx = require_package('onnx', 'convert')
    from google.protobuf.message import DecodeError  # a dependency of onnx

    try:
        return onnx.load(str(path)).graph
    except DecodeError:
        raise InputError(f'{path}: expected an .onnx file, got something else') from None


def _decodes(graph: Any) -> bool:
    """Whether boxes leave the export in pixels; as published, they do not."""
    return any(node.op_type == 'Exp' for node in graph.node)


def _convolutions(graph: Any, path: str | Path) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each convolution, in the order of the graph."""
    from onnx import numpy_helper

    constants = {tensor.name: tensor for tensor in graph.initializer}
    found = []
    for node in graph.node:
        if node.op_type == 'BatchNormalization' or (
            node.op_type == 'Conv'
            and not (len(node.input) == 3 and set(node.input[1:]) <= {*constants})
        ):
            raise InputError(
                f"{path}: expected YOLOX as its authors' tools/export_onnx.py writes it, batch norm folded into the "
                f'convolutions, got {node.op_type} {node.name!r} apart; fix: convert the .pth, or export it again in '
                'eval mode'
            )
        if node.op_type == 'Conv':
            weight, bias = (
                torch.from_numpy(numpy_helper.to_array(constants[i]).copy()).float()
                for i in node.input[1:]
            )
            found.append((weight, bias))
    return found


def _names(folded: list[tuple[Tensor, Tensor]], path: str | Path) -> list[str]:
    """The authors' name of each convolution, told by the order in which their model calls them."""
    depthwise = len(folded) > 1 and folded[1][0].shape[1] == 1
    orders = {d: list(_call_order(d, depthwise)) for d in range(1, _MAX_DEPTH + 1)}
    for names in orders.values():
        if len(names) == len(folded):
            return names
    counts = ', '.join(str(len(names)) for names in orders.values())
    raise InputError(
        f'{path}: expected a YOLOX of {counts} ... convolutions{" (depthwise)" * depthwise}, got {len(folded)}; fix: '
        'give an export of YOLOX nano, tiny, s, m, l or x'
    )


def _call_order(depth: int, depthwise: bool) -> Iterator[str]:
    """The authors' convolutions as their forward pass calls them, in their names."""

    def conv(name: str) -> list[str]:
        return [f'{name}.dconv', f'{name}.pconv'] if depthwise else [name]

    def csp(name: str, blocks: int) -> Iterator[str]:
        yield from (f'{name}.conv1', f'{name}.conv2')
        for block in range(blocks):
            yield f'{name}.m.{block}.conv1'
            yield from conv(f'{name}.m.{block}.conv2')
        yield f'{name}.conv3'

    trunk = 'backbone.backbone'
    yield f'{trunk}.stem.conv'
    for stage, blocks in ((2, depth), (3, 3 * depth), (4, 3 * depth)):
        yield from conv(f'{trunk}.dark{stage}.0')
        yield from csp(f'{trunk}.dark{stage}.1', blocks)
    yield from conv(f'{trunk}.dark5.0')
    yield from (f'{trunk}.dark5.1.conv1', f'{trunk}.dark5.1.conv2')
    yield from csp(f'{trunk}.dark5.2', depth)
    for before, block in (('lateral_conv0', 'C3_p4'), ('reduce_conv1', 'C3_p3')):
        yield f'backbone.{before}'
        yield from csp(f'backbone.{block}', depth)
    for before, block in (('bu_conv2', 'C3_n3'), ('bu_conv1', 'C3_n4')):
        yield from conv(f'backbone.{before}')
        yield from csp(f'backbone.{block}', depth)
    for level in range(3):
        yield f'head.stems.{level}'
        for tower, predictors in (('cls', ('cls',)), ('reg', ('reg', 'obj'))):
            for i in range(2):
                yield from conv(f'head.{tower}_convs.{level}.{i}')
            yield from (f'head.{kind}_preds.{level}' for kind in predictors)


def _layer(name: str, weight: Tensor, bias: Tensor) -> dict[str, Tensor]:
    """A convolution with its batch norm, which adds the bias alone; a predictor has none."""
    if '_preds.' in name:
        return {f'{name}.weight': weight, f'{name}.bias': bias}
    norm = dict(
        weight=torch.ones_like(bias),
        bias=bias,
        running_mean=torch.zeros_like(bias),
        running_var=torch.full_like(bias, 1 - NORM_EPS),
        num_batches_tracked=torch.tensor(0),
    )
    return {f'{name}.conv.weight': weight, **{f'{name}.bn.{k}': v for k, v in norm.items()}}


def _with_norm(
    layer: str, weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor
) -> dict[str, Tensor]:
    """A layer of the same result, whose batch norm has these statistics of what the folded filters give."""
    norm = weight.flatten(1).norm(dim=1).double()
    scale = torch.where(norm > 0, FILTER_NORM / norm, 1.0)  # a filter of zeros stays
    running_mean, running_var = (scale * mean).float(), (scale**2 * var).float()
    gamma = (var + NORM_EPS / scale**2).sqrt().float()
    # What batch norm multiplies by, rounded as it rounds: so filter and bias undo the rounding.
    factor = (gamma / (running_var + NORM_EPS).sqrt()).double()
    return {
        f'{layer}.conv.weight': (weight.double() / factor[:, None, None, None]).float(),
        f'{layer}.bn.weight': gamma,
        f'{layer}.bn.bias': (bias.double() + running_mean.double() * factor).float(),
        f'{layer}.bn.running_mean': running_mean,
        f'{layer}.bn.running_var': running_var,
    }


def _loaded(weights: Mapping[str, Tensor]) -> nn.Module:
    model = build_yolox(require_whole(weights))
    model.load_state_dict(weights)
    return model.eval()


class _Moments:
    """Mean and variance of each channel over all that it is shown, in float64."""

    def __init__(self) -> None:
        self.count, self.total, self.squares = 0, torch.zeros(()), torch.zeros(())

    def add(self, values: Tensor) -> None:
        flat = values.double().transpose(0, 1).flatten(1)
        self.count += flat.shape[1]
        self.total = self.total + flat.sum(1)
        self.squares = self.squares + flat.square().sum(1)

    def mean_and_var(self) -> tuple[Tensor, Tensor]:
        mean = self.total / self.count
        # Unbiased, as torch keeps it.
        var = (self.squares - self.count * mean**2) / max(self.count - 1, 1)
        return mean, var.clamp(min=0)


def _statistics(
    weights: Mapping[str, Tensor], images: Iterable[Tensor]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Mean and variance of the input of each batch norm, by the name of the layer that holds it."""
    model = _loaded(weights)
    moments = {
        name[: -len('.bn')]: _Moments() for name, _ in model.named_modules() if name.endswith('.bn')
    }

    def watch(layer: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        moments[layer].add(inputs[0])

    with ExitStack() as stack, torch.no_grad():
        for layer in moments:
            norm = model.get_submodule(f'{layer}.bn')
            hook = norm.register_forward_pre_hook(partial(watch, layer))
            stack.callback(hook.remove)
        for batch in images:
            model(batch, mode='tensor')
    if any(found.count == 0 for found in moments.values()):
        raise InputError(
            'batch norm is recovered from images, got none; fix: name a folder of photographs'
        )
    return {layer: found.mean_and_var() for layer, found in moments.items()}
