"""Exported as ONNX a detector finds what it finds in torch, in any batch, and needs neither torch nor mmdet."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from builders.dense_detectors import dense_config
from mmcv.ops import nms
from mmengine.config import Config

from mmssod.apis.exporting import export_onnx, frame_of
from mmssod.cli import main
from mmssod.own_data.detector import Detector
from mmssod.tiny_detectors import tiny_detector

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / 'docs/examples/onnx/run_onnx.py'
PADDED = dict(type='Pad', size=(256, 256), pad_val=dict(img=(114, 114, 114)))
WITHOUT_TORCH = """
import runpy, sys
for name in ('torch', 'mmdet', 'mmengine', 'mmcv', 'mmssod'):
    sys.modules[name] = None
script, *sys.argv[1:] = sys.argv[1:]
runpy.run_path(script, run_name='__main__')
"""

onnxruntime = pytest.importorskip('onnxruntime')
sys.path.insert(0, str(SCRIPT.parent))
import run_onnx  # noqa: E402


def spread(model):
    """Scores and boxes of a network without training as far apart as those of one with."""
    torch.manual_seed(0)
    model.init_weights()
    factors = dict(
        fc_cls=60, rtm_cls=60, gfl_cls=8, multi_level_conv_cls=60, rtm_reg=20, rpn_cls=20
    )
    for name, weight in model.named_parameters():
        for layer, factor in factors.items():
            if f'{layer}.' in name:
                torch.nn.init.normal_(weight, std=0.01 * factor)
    return model


def config_of(name):
    """A whole config of a small detector; YOLOX-Nano as it is."""
    if name in ('bucket', 'side', 'plain'):
        model = tiny_detector(name)
    elif name.startswith('yolox_'):
        model = Config.fromfile(ROOT / 'configs/_base_/models' / f'{name}.py').model
    else:
        model = dense_config(name)
    pad = [PADDED] if name == 'rtmdet' else []
    keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')
    steps = [
        dict(type='LoadImageFromFile'),
        dict(type='Resize', scale=(256, 224), keep_ratio=True),
        *pad,
        dict(type='PackDetInputs', meta_keys=keys),
    ]
    classes = tuple('abc') if name != 'yolox_nano' else tuple(map(str, range(80)))
    data = dict(type='CocoDataset', pipeline=steps, metainfo=dict(classes=classes))
    return Config(dict(default_scope='mmdet', model=model, test_dataloader=dict(dataset=data)))


def start(name, folder):
    """Config and checkpoint."""
    from mmdet.registry import MODELS

    cfg = config_of(name)
    published = Path(os.environ.get('MMSSOD_WEIGHTS', ''), 'yolox_nano.pth')
    if name == 'yolox_nano' and published.is_file():
        return cfg, str(published)
    torch.save(dict(state_dict=spread(MODELS.build(cfg.model)).state_dict()), folder / 'iter_1.pth')
    return cfg, str(folder / 'iter_1.pth')


def photographs(number):
    """Of both shapes of the aquarium, in any order."""
    files = sorted((ROOT / 'data/aquarium/images').glob('*.jpg'))[:number]
    if not files:
        pytest.skip('no data/aquarium here')
    return [cv2.imread(str(file)) for file in files]


@pytest.mark.parametrize(
    'name',
    [
        'bucket',
        *(
            pytest.param(one, marks=pytest.mark.slow)
            for one in ('side', 'plain', 'yolox_nano', 'rtmdet', 'gfl')
        ),
    ],
)
def test_finds_what_torch_finds(name, tmp_path):
    cfg, checkpoint = start(name, tmp_path)
    export_onnx(cfg, checkpoint, str(tmp_path / 'found'))
    export_onnx(cfg, checkpoint, str(tmp_path / 'candidates'), suppress=False)
    torchs = Detector(cfg, checkpoint, score_thr=0.0)
    session, facts = run_onnx.load(str(tmp_path / 'found.onnx'))
    assert facts['classes'] == list(torchs.classes)
    images, seen = photographs(20), 0
    for image in images:
        expected = torchs.predict(image)
        found = run_onnx.detect(session, facts, image, 1e-9)
        theirs = (expected.boxes, expected.scores, expected.labels, expected.p, expected.v)
        seen += _same_rows(np.column_stack(found), np.column_stack(theirs))
    assert seen > 100
    _one_batch_is_one_by_one(session, facts, images[:3])
    _suppressed_outside(tmp_path, facts, torchs.model, images[0])


def _same_rows(ours, theirs):
    """Rows compared: equal scores come in any order, and of those equal to the last one others may be missing."""
    assert len(ours) == len(theirs)
    sure = theirs[theirs[:, 4] > theirs[-1:, 4].max(initial=0) + 1e-5]
    for row in sure:
        assert (np.abs(ours - row) <= 1e-3 + 1e-4 * np.abs(row)).all(axis=1).any(), row
    return len(sure)


def _one_batch_is_one_by_one(session, facts, images):
    """Images of two sizes in one frame: what lies outside an image is not looked at."""
    pixels, sizes = [], []
    for image, height in zip(images, (224, 160, 224), strict=True):
        small = cv2.resize(image, (224, height)).transpose(2, 0, 1)
        pixels.append(np.full((3, 256, 256), len(pixels) * 99, np.float32))
        pixels[-1][:, :height, :224] = small
        sizes.append((height, 224))
    inputs = dict(images=np.stack(pixels), sizes=np.array(sizes, np.float32))
    together = session.run(None, inputs)
    for number in range(3):
        alone = session.run(
            None, {key: value[number : number + 1] for key, value in inputs.items()}
        )
        for one, all_of_them in zip(alone, together, strict=True):
            np.testing.assert_allclose(one[0], all_of_them[number], atol=1e-3, rtol=1e-4)


def _suppressed_outside(folder, facts, model, image):
    """Candidates, suppressed class by class afterwards, are the boxes of the graph that does it."""
    cfg = model.test_cfg.get('rcnn') or model.test_cfg
    both = []
    for name in ('candidates', 'found'):
        session = run_onnx.load(str(folder / f'{name}.onnx'))[0]
        both.append(run_onnx.detect(session, facts, image, 1e-9))
    (boxes, scores, labels, *_), found = both
    kept = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        pair = (torch.tensor(array[rows]).float().contiguous() for array in (boxes, scores))
        kept += [*scores[rows[nms(*pair, cfg.nms.iou_threshold)[1].numpy()]]]
    expected = sorted(kept, reverse=True)[: cfg.get('max_per_img', 100)]
    np.testing.assert_allclose(found[1], expected, atol=1e-4)


@pytest.mark.slow  # an export and a process
@pytest.mark.parametrize('part', ['student', 'teacher'])
def test_the_script_needs_neither_torch_nor_mmdet(part, run_folder, tmp_path, capsys):
    words = ['export', f'{run_folder}/config.py', f'{run_folder}/iter_1.pth', '--part', part]
    assert main([*words, '--out', str(tmp_path / 'sub/found'), '--format', 'onnx']) == 0
    assert f'{part}: {tmp_path}/sub/found.onnx' in capsys.readouterr().out
    assert [file.name for file in (tmp_path / 'sub').iterdir()] == ['found.onnx']
    image = run_folder / 'val/0.png'
    permissive = tmp_path / 'permissive.py'
    permissive.write_text(SCRIPT.read_text().replace('least=0.3', 'least=0.1'))
    command = [sys.executable, '-c', WITHOUT_TORCH, permissive, tmp_path / 'sub/found.onnx', image]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]

    expected = Detector(
        f'{run_folder}/config.py', f'{run_folder}/iter_1.pth', part=part, score_thr=0.1
    ).predict(image)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[1] for line in lines] == expected.names != []
    np.testing.assert_allclose(
        [[*map(float, line[2:6])] for line in lines], expected.boxes.reshape(-1, 4), atol=0.06
    )


def test_the_script_is_short():
    assert len(SCRIPT.read_text().splitlines()) <= 40


def test_how_images_are_framed():
    """YOLOX of mmdet pads to a square by its pipeline; the recipes here by the preprocessor, as Faster R-CNN."""
    cfg = config_of('bucket')
    assert frame_of(cfg) == (dict(scale=[256, 224], keep_ratio=True, canvas=None, divisor=32), None)
    steps = cfg.test_dataloader.dataset.pipeline
    steps.insert(2, dict(type='Pad', pad_to_square=True, pad_val=dict(img=(114.0, 114.0, 114.0))))
    assert frame_of(cfg)[0]['canvas'] == [256, 256] and frame_of(cfg)[1] == 114.0
    steps[2] = dict(type='Pad', size=(320, 256))  # width and height
    assert frame_of(cfg)[0]['canvas'] == [256, 320] and frame_of(cfg)[1] == 0.0
    del steps[1]
    with pytest.raises(ValueError, match='one Resize'):
        frame_of(cfg)


def test_what_cannot_be_exported_says_so(tmp_path, monkeypatch):
    cfg, checkpoint = start('bucket', tmp_path)
    cfg.model.test_cfg.rcnn.nms = dict(type='soft_nms', iou_threshold=0.5)
    with pytest.raises(
        ValueError, match='plain suppression.*soft_nms.*fix: export it with --format mmdet'
    ):
        export_onnx(cfg, checkpoint, str(tmp_path / 'found'))
    monkeypatch.setitem(sys.modules, 'onnx', None)
    with pytest.raises(
        ImportError, match=r"onnx is not installed; fix: pip install 'mmssod\[onnx\]'"
    ):
        export_onnx(cfg, checkpoint, str(tmp_path / 'found'))
    assert not (tmp_path / 'found.onnx').exists()


def test_options_that_do_not_belong_together(capsys):
    for more in (['--format', 'onnx', '--safetensors'], ['--nms', 'outside']):
        with pytest.raises(SystemExit):
            main(['export', 'config.py', 'iter_1.pth', '--out', 'x', *more])
        assert '--format' in capsys.readouterr().err
