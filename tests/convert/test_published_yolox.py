"""YOLOX-Nano as its authors publish it, where the file is there; the other tests need no data."""

import pytest
import torch
from builders.shared_data import shared_data

from mmssod.convert.files import convert_yolox, letterbox
from mmssod.convert.yolox_export import largest_difference, raw_outputs, read_export, recover_norms
from mmssod.datasets.image_lists import find_images
from mmssod.datasets.transforms import LoadWholeImage
from mmssod.start.yolox import NORM_EPS, build_yolox, require_whole

pytest.importorskip('onnx')
safetensors = pytest.importorskip('safetensors.torch')


@pytest.fixture(scope='module')
def weights_folder():
    folder = shared_data() / 'weights'
    if not (folder / 'yolox_nano_official.onnx').exists():
        pytest.skip(f'no yolox_nano_official.onnx in {folder}')
    return folder


@pytest.fixture(scope='module')
def photographs():
    """Sixteen, as the export takes them; the first four are compared, all give the statistics."""
    found = find_images(str(shared_data() / 'aquarium' / 'images'))
    files = [image.path for image in found[:: len(found) // 16]][:16]
    return [letterbox(LoadWholeImage()(dict(img_path=file))['img'], 416, 416) for file in files]


@pytest.fixture(scope='module')
def converted(weights_folder, photographs):
    """The export's weights, without and with batch norm recovered."""
    plain = read_export(weights_folder / 'yolox_nano_official.onnx').weights
    return dict(plain=plain, recovered=recover_norms(plain, photographs))


@pytest.fixture(scope='module')
def reference(weights_folder):
    """The same detector, converted by others, with statistics of other photographs."""
    return safetensors.load_file(weights_folder / 'yolox_nano_coco.safetensors')


def test_what_it_is(weights_folder):
    export = read_export(weights_folder / 'yolox_nano_official.onnx')
    size = require_whole(export.weights)
    assert (size.name, size.num_classes, export.input_size) == ('nano', 80, (416, 416))
    assert sum(name.endswith(('conv.weight', '.bias')) for name in export.weights) > 113


@pytest.mark.parametrize('kind', ['plain', 'recovered'])
def test_outputs_are_the_exports(weights_folder, photographs, converted, kind):
    runtime = pytest.importorskip('onnxruntime')
    path = weights_folder / 'yolox_nano_official.onnx'
    session = runtime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    model = build_yolox(require_whole(converted[kind]))
    model.load_state_dict(converted[kind])
    for image in photographs[:4]:
        expected = torch.from_numpy(session.run(None, {'images': image.numpy()})[0])
        ours = raw_outputs(model, image)
        torch.testing.assert_close(ours, expected, atol=1e-3, rtol=0)
        torch.testing.assert_close(ours[..., 4:], expected[..., 4:], atol=2e-4, rtol=0)
        assert expected[..., 4].max() > 0.1  # something is seen


def test_exchanged_layers_would_be_seen(weights_folder, photographs, converted):
    pytest.importorskip('onnxruntime')
    path = weights_folder / 'yolox_nano_official.onnx'
    assert largest_difference(path, converted['plain'], photographs[:1]) < 5e-4
    for block in ('backbone.stage2.1', 'neck.top_down_blocks.1'):
        weights = dict(converted['plain'])
        for kind in ('conv.weight', 'bn.bias'):
            one, other = (f'{block}.{name}_conv.{kind}' for name in ('main', 'short'))
            weights[one], weights[other] = weights[other], weights[one]
        assert largest_difference(path, weights, photographs[:1]) > 1


def test_equal_to_the_reference_up_to_the_scale_of_batch_norm(converted, reference):
    """Names, shapes, and each convolution with its batch norm as one."""
    for weights in converted.values():
        assert weights.keys() == reference.keys()
        compared = 0
        for name, expected in reference.items():
            assert weights[name].shape == expected.shape
            layer = name.removesuffix('.conv.weight')
            if layer == name:
                if 'multi_level_conv_' in name:
                    assert torch.equal(weights[name], expected)
                continue
            for one, other in zip(fold(weights, layer), fold(reference, layer), strict=True):
                torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
            compared += 1
        assert compared == 113 - 9


def test_recovered_filters_and_statistics_are_like_the_references(converted, reference):
    """Filters of the same norm; means and variances alike as those of other photographs are."""
    recovered = converted['recovered']
    for name, expected in reference.items():
        if name.endswith('.conv.weight'):
            torch.testing.assert_close(recovered[name], expected, atol=1e-5, rtol=1e-5)
    names = [name for name in reference if name.endswith('running_var')]
    ours, theirs = (torch.cat([w[n] for n in names]).log() for w in (recovered, reference))
    assert torch.corrcoef(torch.stack([ours, theirs]))[0, 1] > 0.9


@pytest.mark.slow
def test_the_whole_way(weights_folder, tmp_path):
    out = tmp_path / 'nano.safetensors'
    folder = shared_data() / 'aquarium' / 'images'
    source = weights_folder / 'yolox_nano_official.onnx'
    lines = convert_yolox(source, out, images=str(folder), max_images=96, size='nano')
    assert 'batch norm: statistics of 96 images at 416 x 416' in lines
    build_yolox(require_whole(safetensors.load_file(out)))


def fold(weights, layer):
    """A convolution and its batch norm as weight and bias, in float64."""
    norm = {
        k: weights[f'{layer}.bn.{k}'].double()
        for k in ('weight', 'bias', 'running_mean', 'running_var')
    }
    factor = norm['weight'] / (norm['running_var'] + NORM_EPS).sqrt()
    filters = weights[f'{layer}.conv.weight'].double() * factor[:, None, None, None]
    return filters, norm['bias'] - norm['running_mean'] * factor
