"""The converter from file to file: endings, what is said, what is in the files, and what is refused."""

import json
import sys

import cv2
import numpy as np
import pytest
import torch
from builders.authors_yolox import noise, trained
from builders.exporting import export

from mmssod.convert import from_yolox_pth
from mmssod.convert.files import MAX_IMAGES, convert_yolox, letterbox
from mmssod.convert.yolox_export import read_export
from mmssod.start.yolox import SIZES, YOLOXSize, build_yolox

NANO = dict(depth=1, width=16, depthwise=True)


@pytest.fixture(scope='module')
def authors():
    """A nano of 80 classes."""
    return trained(**NANO, num_classes=80)


@pytest.fixture(scope='module')
def pth(authors, tmp_path_factory):
    """Its checkpoint, as the authors' trainer writes it."""
    path = tmp_path_factory.mktemp('authors') / 'yolox_nano.pth'
    state = authors.state_dict()
    torch.save(dict(start_epoch=300, model=state, optimizer=dict(state={}), best_ap=0.258), path)
    return path


@pytest.fixture(scope='module')
def onnx_file(tmp_path_factory):
    """An export of three classes."""
    pytest.importorskip('onnx')
    path = tmp_path_factory.mktemp('authors') / 'yolox_nano.onnx'
    return export(trained(**NANO, num_classes=3), path)


@pytest.fixture
def photos(tmp_path):
    """Three images of different sizes."""
    folder = tmp_path / 'photos'
    folder.mkdir()
    for i, (height, width) in enumerate([(64, 96), (120, 80), (32, 40)]):
        pixels = noise(1, (height, width), seed=i)[0].permute(1, 2, 0).numpy().astype(np.uint8)
        assert cv2.imwrite(str(folder / f'{i}.png'), pixels)
    return folder


def same(weights, expected):
    return weights.keys() == expected.keys() and all(
        torch.equal(tensor, expected[name]) for name, tensor in weights.items()
    )


def test_pth_to_pth(authors, pth, tmp_path, call, capsys):
    out = tmp_path / 'new' / 'nano.pth'
    call('convert/yolox.py', pth, out, '--size', 'nano')
    said = capsys.readouterr().out
    assert 'YOLOX nano: deepen_factor 0.33, widen_factor 0.25, use_depthwise True, 80' in said
    assert 'batch norm: as it was trained' in said
    assert '0.91 M parameters in the names of mmdet, with the names of the classes of COCO' in said
    checkpoint = torch.load(out, weights_only=True)
    assert same(checkpoint['state_dict'], from_yolox_pth(authors.state_dict()))
    assert checkpoint['meta']['dataset_meta']['classes'][:2] == ('person', 'bicycle')
    assert [path.name for path in out.parent.iterdir()] == ['nano.pth']
    build_yolox(YOLOXSize(**NANO, num_classes=80)).load_state_dict(checkpoint['state_dict'])


def test_a_bare_state_dict_is_read_too(authors, tmp_path):
    torch.save(authors.state_dict(), tmp_path / 'bare.pth')
    convert_yolox(tmp_path / 'bare.pth', tmp_path / 'out.pth')
    expected = from_yolox_pth(authors.state_dict())
    assert same(torch.load(tmp_path / 'out.pth', weights_only=True)['state_dict'], expected)


def test_pth_to_safetensors(authors, pth, tmp_path):
    pytest.importorskip('safetensors')
    from safetensors import safe_open
    from safetensors.torch import load_file

    out = tmp_path / 'nano.safetensors'
    convert_yolox(pth, out)
    assert same(load_file(out), from_yolox_pth(authors.state_dict()))
    with safe_open(out, 'pt') as file:
        metadata = file.metadata()
    assert json.loads(metadata['classes'])[-1] == 'toothbrush'
    assert (metadata['format'], metadata['source']) == ('pt', 'yolox_nano.pth')


def test_onnx_without_images(onnx_file, tmp_path):
    lines = convert_yolox(onnx_file, tmp_path / 'out.pth')
    assert 'batch norm: the folded bias alone; freeze it in training' in lines
    assert lines[-1].endswith('without names of classes')
    checkpoint = torch.load(tmp_path / 'out.pth', weights_only=True)
    assert same(checkpoint['state_dict'], read_export(onnx_file).weights)
    assert 'dataset_meta' not in checkpoint['meta']  # three classes, whose names are nowhere


@pytest.mark.parametrize('count', [1, 2, 99])
def test_onnx_with_images(onnx_file, photos, tmp_path, call, capsys, count):
    """One, some, and more than there are."""
    out = tmp_path / 'out.pth'
    call('convert/yolox.py', onnx_file, out, '--images', photos, '--max-images', count)
    used = min(count, 3)
    said = capsys.readouterr().out
    assert f'batch norm: statistics of {used} images at 96 x 64' in said
    pytest.importorskip('onnxruntime')
    assert f'of those of yolox_nano.onnx on {used} image(s)' in said


def test_without_onnxruntime_nothing_is_compared(onnx_file, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    lines = convert_yolox(onnx_file, tmp_path / 'out.pth')
    assert any('not compared' in line and "'mmssod[convert]'" in line for line in lines)


def test_an_export_with_layers_exchanged_is_not_written(onnx_file, tmp_path, monkeypatch):
    pytest.importorskip('onnxruntime')
    weights = dict(read_export(onnx_file).weights)
    one, other = (f'backbone.stage4.2.{name}_conv.conv.weight' for name in ('main', 'short'))
    weights[one], weights[other] = weights[other], weights[one]
    wrong = read_export(onnx_file)._replace(weights=weights)
    monkeypatch.setattr('mmssod.convert.files.read_export', lambda path: wrong)
    with pytest.raises(ValueError, match='expected outputs within 0.01 .* in another order'):
        convert_yolox(onnx_file, tmp_path / 'out.pth')
    assert not list(tmp_path.iterdir())


def test_refused_before_anything_is_written(pth, onnx_file, tmp_path):
    torch.save(dict(state_dict=dict(x=torch.zeros(1))), tmp_path / 'other.pth')
    (tmp_path / 'empty').mkdir()
    out = tmp_path / 'made' / 'out.pth'
    cases = [
        (
            pth,
            tmp_path / 'made/out.txt',
            {},
            'OUT: expected a name that ends in .pth or .safetensors',
        ),
        (tmp_path / 'x.pt', out, {}, 'IN: expected a file that ends in .pth or .onnx'),
        (pth, out, dict(size='s'), 'size: expected YOLOX s, .* holds YOLOX nano'),
        (pth, out, dict(images='photos'), 'images: expected none for .*yolox_nano.pth'),
        (onnx_file, out, dict(images=str(tmp_path / 'empty')), 'no image in folder'),
        (onnx_file, out, dict(images=str(tmp_path), max_images=0), 'no image|max_images'),
        (tmp_path / 'other.pth', out, {}, "other.pth: expected a checkpoint of YOLOX's authors"),
    ]
    for source, target, options, message in cases:
        with pytest.raises(ValueError, match=message):
            convert_yolox(source, target, **options)
    with pytest.raises(FileNotFoundError):
        convert_yolox(tmp_path / 'missing.pth', out)
    assert not (tmp_path / 'made').exists()


def test_a_pth_that_runs_code_is_refused(authors, tmp_path):
    torch.save(dict(model=authors.state_dict(), hook=print), tmp_path / 'evil.pth')
    with pytest.raises(ValueError, match='which can run code'):
        convert_yolox(tmp_path / 'evil.pth', tmp_path / 'out.pth')


def test_the_tool_says_what_is_wrong_in_one_line(pth, tmp_path, call, capsys):
    with pytest.raises(SystemExit) as end:
        call('convert/yolox.py', pth, tmp_path / 'out.pth', '--size', 'x')
    assert end.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith('yolox.py: size: expected YOLOX x') and 'Traceback' not in error


def test_a_damaged_photograph_is_told_by_name(onnx_file, photos, tmp_path):
    whole = (photos / '1.png').read_bytes()
    (photos / '1.png').write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match='1.png'):
        convert_yolox(onnx_file, tmp_path / 'out.pth', images=str(photos))
    assert not (tmp_path / 'out.pth').exists()


def test_letterbox_by_hand():
    """Twice as wide as high: doubled, in the upper part; the rest is 114."""
    image = np.zeros((2, 4, 3), np.uint8)
    image[..., 0] = 200  # blue comes first, as it does in the file
    batch = letterbox(image, 8, 8)
    assert batch.shape == (1, 3, 8, 8)
    assert batch.dtype == torch.float32
    assert (batch[0, :, :4] == torch.tensor([200.0, 0, 0])[:, None, None]).all()
    assert (batch[0, :, 4:] == 114).all()
    assert (letterbox(image, 8, 2)[0, :, 1:] == 114).all()
    assert (letterbox(image, 2, 4) != 114).all()


def test_the_tools_defaults_are_those_of_the_function(call, capsys):
    with pytest.raises(SystemExit):
        call('convert/yolox.py', '--help')
    said = capsys.readouterr().out
    assert f'at most ({MAX_IMAGES})' in said
    assert f'{{{",".join(SIZES)}}}' in said
