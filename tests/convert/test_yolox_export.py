"""Exports without batch norm: read in the authors' order of calls, and batch norm put back."""

import copy
import sys

import pytest
import torch
from builders.authors_yolox import noise, trained
from builders.exporting import export
from torch import nn

from mmssod.convert import from_yolox_pth, yolox_size
from mmssod.convert.yolox_export import (
    FILTER_NORM,
    largest_difference,
    raw_outputs,
    read_export,
    recover_norms,
)
from mmssod.start.yolox import NORM_EPS, build_yolox

onnx = pytest.importorskip('onnx')
SIZES = dict(depthwise=dict(width=8, depthwise=True), plain=dict(depth=2, width=8))


@pytest.fixture(scope='module', params=SIZES)
def exported(request, tmp_path_factory):
    """The authors' detector, its export, and what is read of it."""
    model = trained(**SIZES[request.param])
    path = export(model, tmp_path_factory.mktemp('export') / 'yolox.onnx')
    return model, path, read_export(path)


@pytest.fixture(scope='module')
def small_path(tmp_path_factory):
    """A depthwise export."""
    path = tmp_path_factory.mktemp('export') / 'yolox.onnx'
    return export(trained(**SIZES['depthwise']), path)


@pytest.fixture(scope='module')
def small(small_path):
    """Its weights."""
    return read_export(small_path).weights


def outputs(weights, images):
    """In float64, so that no rounding but that of the weights is compared."""
    return raw_outputs(loaded(weights).double(), images.double())


def loaded(weights):
    model = build_yolox(yolox_size(weights))
    model.load_state_dict(weights)  # strict
    return model.eval()


def folded(weights):
    """Each convolution with its batch norm as one convolution: by its definition, in float64."""
    found = {}
    for name, tensor in weights.items():
        layer = name.removesuffix('.conv.weight')
        if layer == name:
            continue
        norm = {key: weights[f'{layer}.bn.{key}'].double() for key in ('weight', 'bias')}
        factor = norm['weight'] / (weights[f'{layer}.bn.running_var'].double() + NORM_EPS).sqrt()
        found[name] = tensor.double() * factor[:, None, None, None]
        found[layer] = norm['bias'] - weights[f'{layer}.bn.running_mean'].double() * factor
    return found


def test_an_export_is_read_as_what_it_computes(exported):
    model, path, export = exported
    images = noise(2)
    with torch.no_grad():
        expected = copy.deepcopy(model).double()(images.double())
    ours = outputs(export.weights, images)
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-4)
    assert expected.std() > 0.1
    assert export.input_size == (64, 96)


def test_without_images_batch_norm_does_nothing_but_add_the_bias(exported):
    """And what is folded is what the trained batch norms fold to."""
    model, path, export = exported
    trained_norms = folded(from_yolox_pth(model.state_dict()))
    ours = folded(export.weights)
    assert ours.keys() == trained_norms.keys()
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, trained_norms[name], atol=1e-5, rtol=1e-5)
    norms = [m for m in loaded(export.weights).modules() if isinstance(m, nn.BatchNorm2d)]
    values = torch.rand(3, norms[0].num_features, 2, 2)
    torch.testing.assert_close(norms[0](values) - norms[0].bias[:, None, None], values)


def test_recovered_batch_norm_changes_no_output(exported):
    model, path, export = exported
    before = {name: tensor.clone() for name, tensor in export.weights.items()}
    recovered = recover_norms(export.weights, [noise(4)])
    images = noise(2, seed=2)
    expected = outputs(export.weights, images)
    ours = outputs(recovered, images)
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-4)
    one, other = folded(export.weights), folded(recovered)
    for name, tensor in one.items():
        torch.testing.assert_close(other[name], tensor, atol=1e-4, rtol=1e-5)
    assert all(torch.equal(export.weights[name], before[name]) for name in before)


def test_recovered_statistics_are_those_of_the_images(exported):
    """On the same batch, batch norm in training mode answers as in eval mode; without recovery it does not."""
    model, path, export = exported
    images = noise(4)
    expected = outputs(export.weights, images)

    def in_training(weights):
        model = loaded(weights)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train()
        with torch.no_grad():
            levels = zip(*model(images, mode='tensor'), strict=True)
        rows = [torch.cat([b, o.sigmoid(), s.sigmoid()], 1).flatten(2) for s, b, o in levels]
        return torch.cat(rows, 2).transpose(1, 2)

    recovered = recover_norms(export.weights, [images])
    assert (in_training(recovered) - expected).abs().mean() < 0.02 * expected.std()
    assert (in_training(export.weights) - expected).abs().mean() > 0.2 * expected.std()


def test_statistics_by_hand(small):
    """Of the first layer, whose input is known."""
    images = noise(3)
    recovered = recover_norms(small, [images[:1], images[1:]])
    corners = [images[..., i::2, j::2] for j in (0, 1) for i in (0, 1)]
    filters = recovered['backbone.stem.conv.conv.weight']
    values = nn.functional.conv2d(torch.cat(corners, 1), filters, padding=1)
    mean, var = values.mean((0, 2, 3)), values.transpose(0, 1).flatten(1).var(1)
    torch.testing.assert_close(recovered['backbone.stem.conv.bn.running_mean'], mean)
    torch.testing.assert_close(recovered['backbone.stem.conv.bn.running_var'], var)


def test_batches_count_alike_however_they_are_cut(small):
    images = noise(3)
    whole, single = recover_norms(small, [images]), recover_norms(small, images.split(1))
    for name in whole:
        torch.testing.assert_close(single[name], whole[name], atol=1e-4, rtol=1e-3)


def test_all_filters_have_one_norm_and_zeros_stay(small):
    weights = {name: tensor.clone() for name, tensor in small.items()}
    weights['neck.out_convs.0.conv.weight'][1] = 0
    recovered = recover_norms(weights, [noise(1)])
    for name, tensor in recovered.items():
        if name.endswith('.conv.weight'):
            norms = tensor.flatten(1).norm(dim=1)
            expected = torch.full_like(norms, FILTER_NORM)
            if name.startswith('neck.out_convs.0.'):
                expected[1] = 0
            torch.testing.assert_close(norms, expected)
    images = noise(1, seed=2)
    expected = outputs(weights, images)
    torch.testing.assert_close(outputs(recovered, images), expected, atol=1e-4, rtol=1e-4)


def test_no_image_is_an_error(small):
    with pytest.raises(ValueError, match='got none; fix: name a folder'):
        recover_norms(small, [])


def test_the_difference_to_the_export(exported):
    """Small for what was read, large where two layers of one shape are exchanged."""
    pytest.importorskip('onnxruntime')
    model, path, export = exported
    images = noise(2).split(1)
    assert largest_difference(path, export.weights, images) < 1e-3
    weights = dict(export.weights)
    main, short = (f'neck.bottom_up_blocks.0.{name}_conv.conv.weight' for name in ('main', 'short'))
    weights[main], weights[short] = weights[short], weights[main]
    assert largest_difference(path, weights, images) > 0.1


class Decoding(nn.Module):
    """As an export that decodes its boxes: logarithms of sizes become sizes."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        rows = self.model(x)
        return torch.cat([rows[..., :2] * 8, rows[..., 2:4].exp() * 8, rows[..., 4:]], -1)


def test_an_export_of_any_size_that_decodes_its_boxes(tmp_path):
    model = trained(width=8, depthwise=True)
    path = export(Decoding(model), tmp_path / 'decoded.onnx', dynamic=True)
    read = read_export(path)
    assert read.input_size is None
    pytest.importorskip('onnxruntime')
    assert largest_difference(path, read.weights, [noise(1, (32, 64))]) < 1e-3


def test_exports_that_are_none(tmp_path):
    (tmp_path / 'text.onnx').write_text('no protocol buffer')
    with pytest.raises(ValueError, match='text.onnx: expected an .onnx file'):
        read_export(tmp_path / 'text.onnx')
    with pytest.raises(FileNotFoundError):
        read_export(tmp_path / 'missing.onnx')


def test_another_network_is_told_by_its_convolutions(tmp_path):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 1))
    path = export(network, tmp_path / 'other.onnx')
    with pytest.raises(ValueError, match=r'expected a YOLOX of 83, .* convolutions, got 2; fix'):
        read_export(path)


def changed(path, tmp_path, change):
    """The export with its graph changed."""
    file = onnx.load(str(path))
    change(file.graph, [node for node in file.graph.node if node.op_type == 'Conv'])
    onnx.save(file, str(tmp_path / 'changed.onnx'))
    return tmp_path / 'changed.onnx'


def test_the_same_convolutions_in_another_order_are_told(small_path, tmp_path):
    def exchange(graph, convs):
        first, last = list(convs[0].input[1:]), list(convs[-1].input[1:])
        convs[0].input[1:], convs[-1].input[1:] = last, first

    with pytest.raises(ValueError, match='these are not the weights of a YOLOX'):
        read_export(changed(small_path, tmp_path, exchange))


def test_batch_norm_that_is_not_folded_is_told(small_path, tmp_path):
    def drop_bias(graph, convs):
        del convs[3].input[2]

    def add_norm(graph, convs):
        graph.node.append(onnx.helper.make_node('BatchNormalization', ['x'], ['y'], name='bn_7'))

    for change, named in ((drop_bias, "Conv '.*'"), (add_norm, "BatchNormalization 'bn_7'")):
        with pytest.raises(ValueError, match=f'folded .* got {named} apart; fix: convert the .pth'):
            read_export(changed(small_path, tmp_path, change))


def test_without_the_package_the_extra_is_named(exported, monkeypatch):
    model, path, export = exported
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ImportError, match=r"onnxruntime is not .* pip install 'mmssod\[convert\]'"):
        largest_difference(path, export.weights, [])
    monkeypatch.setitem(sys.modules, 'onnx', None)
    with pytest.raises(ImportError, match=r"onnx is not installed; fix: .*'mmssod\[convert\]'"):
        read_export(path)
