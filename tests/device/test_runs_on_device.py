"""Training with its resume and evaluation, a bank and inference on the fake device: loaders, hooks, checkpoints, loops.

Every figure is that of the same on the host.
"""

import json

import pytest
import torch
from builders.trainings import small_config, small_data
from fake_device import DeviceTensor, device_mode
from mmengine.config import Config
from whole_use import differences

from mmssod.apis import train
from mmssod.label_bank.making import make_label_bank
from mmssod.own_data.inferring import frames, infer

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Drawn images of 64 px: 8 labeled, 6 unlabeled, 2 to evaluate on, three classes."""
    return small_data(tmp_path_factory.mktemp('data'))


def run(data, folder, max_iters, **more):
    folder.mkdir(exist_ok=True)
    cfg = small_config(data, folder, max_iters, val_interval=2)
    cfg.model.predict_with = 'both'
    return cfg, train(cfg, work_dir=str(folder / 'run'), seed=0, **more)


@pytest.fixture(scope='module')
def host(data, tmp_path_factory):
    """Config, figures and checkpoint of a run on the host."""
    folder = tmp_path_factory.mktemp('host')
    return *run(data, folder, 4), str(folder / 'run/iter_4.pth')


def weights(checkpoint):
    return torch.load(checkpoint, weights_only=False)['state_dict']


def assert_same_weights(ours, theirs):
    ours, theirs = weights(ours), weights(theirs)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert not isinstance(ours[name], DeviceTensor)
        torch.testing.assert_close(ours[name], value, msg=name)


def test_a_run_and_its_resume(host, data, tmp_path):
    _, expected, checkpoint = host
    with device_mode() as device:
        run(data, tmp_path, 2)
        _, found = run(data, tmp_path, 4, resume='auto')
    assert device.operations > 5000
    assert not differences(found, expected)
    assert_same_weights(tmp_path / 'run/iter_4.pth', checkpoint)
    assert weights(checkpoint)['balancer.count'].sum() > 0


def banked(cfg, checkpoint, folder):
    """What a bank of the unlabeled images says, as the COCO data set that is written beside it."""
    student = Config(cfg.to_dict())
    student.default_hooks.pop('ema')
    student.model.update(
        labeler=dict(type='FrozenTeacher', checkpoint=checkpoint), predict_with='student'
    )
    make_label_bank(student, checkpoint, out=str(folder), floor=0.0, workers=0)
    return json.loads((folder / 'labels.json').read_text())['annotations']


def test_a_bank(host, tmp_path):
    cfg, _, checkpoint = host
    expected = banked(cfg, checkpoint, tmp_path / 'host')
    with device_mode() as device:
        found = banked(cfg, checkpoint, tmp_path / 'device')
    assert device.operations > 1000
    assert len(expected) > 10
    assert not differences(found, expected, rel=1e-4, abs=1e-4)


def test_inference(host, data):
    cfg, _, checkpoint = host
    cfg = Config({**cfg.to_dict(), 'test_dataloader': cfg.val_dataloader})
    images = [str(data / 'unlabeled')]
    expected = infer(cfg, checkpoint, frames(images), part='teacher', score_thr=0.0, device='cpu')
    with device_mode() as device:
        found = infer(cfg, checkpoint, frames(images), part='teacher', score_thr=0.0)
    assert device.operations > 100
    assert len(expected['annotations']) > 0
    assert not differences(found, expected, rel=1e-4, abs=1e-4)
