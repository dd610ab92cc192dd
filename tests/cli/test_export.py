"""What is exported is the detector of the run, and MMDetection loads it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.apis import DetInferencer
from mmengine.config import Config

from mmssod.apis import predict
from mmssod.apis.plain import foreign_types, plain_config, plain_detector
from mmssod.cli import main
from mmssod.tiny_detectors import CLASSES

ROOT = Path(__file__).parents[2]

# The operators' stand-in is all of mmssod that this process sees, and only where mmcv has no compiled ones: no plain
# wheel of mmcv for this torch has them. After that the name cannot be imported any more.
WITHOUT_MMSSOD = f"""
import importlib.util, json, sys, types
package = types.ModuleType('mmssod')
package.__path__ = [{str(ROOT / 'mmssod')!r}]
sys.modules['mmssod'] = package
from mmssod.ops import stand_in
stand_in.install()
for name in [name for name in sys.modules if name.split('.')[0] == 'mmssod']:
    del sys.modules[name]
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == 'mmssod':
            raise ImportError('mmssod is blocked')
sys.meta_path.insert(0, Blocker())
from mmdet.apis import DetInferencer
detector = DetInferencer(weights=sys.argv[1], device='cpu', show_progress=False)
found = detector(sys.argv[2], no_save_vis=True)['predictions'][0]
assert not any(name.split('.')[0] == 'mmssod' for name in sys.modules)
print(json.dumps(found))
"""


def export(folder, out, *more):
    return main(['export', f'{folder}/config.py', f'{folder}/iter_1.pth', '--out', str(out), *more])


@pytest.mark.slow  # a process that imports mmdet; the next test but one knows it from the types
def test_mmdetection_alone_loads_a_plain_head(plain_folder, tmp_path, capsys):
    assert export(plain_folder, tmp_path / 'sub/detector') == 0
    assert 'MMDetection alone loads it' in capsys.readouterr().out
    alone = shutil.move(tmp_path / 'sub/detector.pth', tmp_path / 'alone.pth')
    image = plain_folder / 'val/0.png'
    command = [sys.executable, '-c', WITHOUT_MMSSOD, str(alone), str(image)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    expected = [
        box
        for box in predict(f'{plain_folder}/config.py', f'{plain_folder}/iter_1.pth')
        if box['image_id'] == 0
    ]
    assert len(expected) > 3
    assert found['scores'] == pytest.approx([box['score'] for box in expected], abs=1e-4)
    corners = np.array([box['bbox'] for box in expected])
    corners[:, 2:] += corners[:, :2]
    np.testing.assert_allclose(found['bboxes'], corners, atol=1e-2)


def test_bucket_heads_say_that_they_need_mmssod(run_folder, tmp_path, capsys):
    assert export(run_folder, tmp_path / 'detector') == 0
    out = capsys.readouterr().out
    assert 'FCBucketHead, SideBucketCoder; import mmssod first' in out
    cfg = Config.fromfile(tmp_path / 'detector.py')
    assert cfg.custom_imports.imports == ['mmssod']
    assert cfg.model.type == 'FasterRCNN' and cfg.model.roi_head.type == 'StandardRoIHead'
    assert cfg.test_evaluator.type == 'CocoMetric'
    assert 'train_dataloader' not in cfg and 'optim_wrapper' not in cfg
    before, after = (
        predict(*files)
        for files in (
            (f'{run_folder}/config.py', f'{run_folder}/iter_1.pth'),
            (f'{tmp_path}/detector.py', f'{tmp_path}/detector.pth'),
        )
    )
    assert [b['score'] for b in before] == pytest.approx([b['score'] for b in after], abs=1e-5)


def test_the_checkpoint_alone_is_enough_for_bucket_heads(run_folder, tmp_path):
    """The config is in it, and imports mmssod."""
    assert export(run_folder, tmp_path / 'detector') == 0
    (tmp_path / 'detector.py').unlink()
    inferencer = DetInferencer(
        weights=str(tmp_path / 'detector.pth'), device='cpu', show_progress=False
    )
    found = inferencer(f'{run_folder}/val/0.png', no_save_vis=True)['predictions'][0]
    files = (f'{run_folder}/config.py', f'{run_folder}/iter_1.pth')
    scores = [box['score'] for box in predict(*files) if box['image_id'] == 0]
    assert scores and found['scores'] == pytest.approx(scores, abs=1e-5)
    assert inferencer.visualizer.dataset_meta['classes'] == CLASSES


def test_plain_boxes_of_the_papers_detector_need_nothing_of_mmssod():
    cfg = Config.fromfile(ROOT / 'configs/supervised/coco_full_1x.py')
    plain = plain_config(cfg, cfg.model)
    assert list(foreign_types(plain.to_dict())) == [] and 'custom_imports' not in plain
    assert plain.model.train_cfg.rpn.assigner.type == 'MaxIoUAssigner'


def test_the_loader_is_the_one_that_mmdets_inferencer_looks_for():
    """In trainings and tests damaged images are told by name; what is exported loads without mmssod."""
    cfg = Config.fromfile(ROOT / 'configs/demo/supervised.py')
    load = cfg.test_dataloader.dataset.pipeline[0]
    assert load.type == cfg.val_dataloader.dataset.pipeline[0].type == 'LoadWholeImage'
    load.max_pixels = 10**6
    plain = plain_config(cfg, cfg.model)
    assert plain.test_dataloader.dataset.pipeline[0] == dict(
        type='LoadImageFromFile', backend_args=None
    )


@pytest.mark.parametrize(
    ('part', 'prefix'), [('student', 'student.'), ('teacher', 'labeler.teacher.')]
)
def test_parts(part, prefix, run_folder):
    state = torch.load(run_folder / 'iter_1.pth')['state_dict']
    plain = plain_detector(f'{run_folder}/config.py', f'{run_folder}/iter_1.pth', part)
    assert plain.part == part and plain.classes == CLASSES
    name = 'roi_head.bbox_head.fc_cls.weight'
    assert torch.equal(plain.weights[name], state[prefix + name])
    other = {'student': 'labeler.teacher.', 'teacher': 'student.'}[part]
    assert not torch.equal(plain.weights[name], state[other + name])


def test_safetensors(plain_folder, tmp_path):
    safetensors = pytest.importorskip('safetensors.torch')
    from safetensors import safe_open

    assert export(plain_folder, tmp_path / 'detector', '--safetensors') == 0
    weights = torch.load(tmp_path / 'detector.pth')['state_dict']
    loaded = safetensors.load_file(tmp_path / 'detector.safetensors')
    assert loaded.keys() == weights.keys()
    assert all(torch.equal(loaded[name], weights[name]) for name in weights)
    modes = {(tmp_path / f'detector.{end}').stat().st_mode for end in ('pth', 'safetensors')}
    assert len(modes) == 1
    with safe_open(tmp_path / 'detector.safetensors', 'pt') as file:
        assert json.loads(file.metadata()['classes']) == list(CLASSES)


def test_weights_that_layers_share_as_safetensors(plain_folder, tmp_path):
    """As the convolutions of RTMDet's levels, which torch saves once."""
    safetensors = pytest.importorskip('safetensors.torch')
    stored = torch.load(plain_folder / 'iter_1.pth')
    state = stored['state_dict']
    names = [
        name for name, weight in state.items() if name.startswith('student.') and weight.dim() == 4
    ]
    one, other = next(
        (a, b) for a in names for b in names if a < b and state[a].shape == state[b].shape
    )
    state[other] = state[one]
    torch.save(stored, tmp_path / 'iter_1.pth')
    (tmp_path / 'config.py').write_text((plain_folder / 'config.py').read_text())
    assert export(tmp_path, tmp_path / 'detector', '--safetensors') == 0
    loaded = safetensors.load_file(tmp_path / 'detector.safetensors')
    assert torch.equal(*(loaded[name.removeprefix('student.')] for name in (one, other)))


def test_a_checkpoint_of_another_config_is_refused(run_folder, plain_folder):
    with pytest.raises(ValueError, match='does not belong to the config.*expected.*found'):
        plain_detector(f'{run_folder}/config.py', f'{plain_folder}/iter_1.pth')


def test_parts_that_are_not_there(run_folder, tmp_path):
    with pytest.raises(ValueError, match='expected auto, student or teacher'):
        plain_detector(f'{run_folder}/config.py', f'{run_folder}/iter_1.pth', 'assistant')
    stored = torch.load(run_folder / 'iter_1.pth')
    stored['state_dict'] = {k: v for k, v in stored['state_dict'].items() if 'labeler' not in k}
    torch.save(stored, tmp_path / 'student.pth')
    with pytest.raises(ValueError, match='without a teacher'):
        plain_detector(f'{run_folder}/config.py', f'{tmp_path}/student.pth', 'teacher')


def test_ensembles_are_refused(run_folder):
    cfg = Config.fromfile(run_folder / 'config.py')
    cfg.model = dict(type='EnsembleDetector', members=[cfg.model.detector])
    with pytest.raises(ValueError, match='is an ensemble'):
        plain_detector(cfg, f'{run_folder}/iter_1.pth')
