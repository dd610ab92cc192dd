"""Shared memory of data workers: what is needed is known before training, and a hang ends with a reason."""

import numpy as np
import pytest
import torch
from builders.toy_training import toy_config
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.config import Config
from mmengine.structures import InstanceData
from torch.utils.data import DataLoader

from mmssod import apis
from mmssod.engine.reliability.shared_memory import (
    hung_loader_named,
    memory_problems,
    needed,
    room,
    tensor_bytes,
)


def data_sample():
    sample = DetDataSample(metainfo=dict(homography_matrix=np.eye(3)))
    boxes = HorizontalBoxes(torch.zeros(2, 4))
    sample.gt_instances = InstanceData(bboxes=boxes, labels=torch.zeros(2, dtype=torch.long))
    return sample


@pytest.mark.parametrize(
    ('sample', 'pages'),
    [
        ({}, 0),
        (torch.zeros(0), 0),
        (torch.zeros(1), 1),
        (torch.zeros(4097, dtype=torch.uint8), 2),
        (np.zeros(10**6), 0),  # goes through a pipe
        (data_sample(), 2),
        (dict(inputs=dict(weak=torch.zeros(1024), strong=torch.zeros(1025))), 3),
        ([torch.zeros(1), (torch.zeros(1), 'text', None)], 2),
    ],
)
def test_each_tensor_takes_whole_pages(sample, pages):
    assert tensor_bytes(sample) == 4096 * pages


class Images(torch.utils.data.Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, index):
        return torch.full((4096,), torch.rand(()).item() if index else 0.0)  # 4 pages


def loader(workers, **more):
    return DataLoader(Images(), batch_size=3, num_workers=workers, **more)


def test_what_is_needed():
    """2 workers with 4 batches each and the one that is computed with: 9 batches of 3 images."""
    assert needed(loader(0)) == 0
    assert needed(loader(2, prefetch_factor=4)) == 9 * 3 * 4 * 4096


def test_the_generators_are_left_alone():
    before = torch.get_rng_state()
    needed(loader(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_what_does_not_fit_is_told(monkeypatch):
    two = [loader(1), loader(1)]  # 3 batches each
    enough = 2 * 3 * 3 * 4 * 4096
    assert memory_problems(two, enough) == [] == memory_problems(two, None)
    assert memory_problems([], 0) == []
    (problem,) = memory_problems(two, enough - 1)
    assert '--shm-size' in problem.fix and 'num_workers' in problem.fix
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '2')
    assert memory_problems(two, 2 * enough - 1) and not memory_problems(two, 2 * enough)


def test_an_image_that_fails_is_told_by_others():
    class Broken(Images):
        def __getitem__(self, index):
            raise OSError('gone')

    assert memory_problems([DataLoader(Broken(), num_workers=1)], 0) == []


@pytest.mark.parametrize(
    ('given', 'timeout'),
    [
        (dict(num_workers=2), 600),
        (dict(num_workers=2, timeout=0), 0),
        (dict(num_workers=2, timeout=30), 30),
        (dict(num_workers=0, timeout=30), None),  # torch refuses it
    ],
)
def test_loaders_with_workers_have_a_limit(given, timeout):
    cfg = Config(dict(model=dict(), train_dataloader=given, val_dataloader=None, work_dir='x'))
    assert apis.load_config(cfg).train_dataloader.get('timeout') == timeout


class Hangs(Images):
    def __getitem__(self, index):
        import time

        time.sleep(60)


def test_a_hang_ends_with_a_reason():
    with pytest.raises(
        RuntimeError, match='timed out after 1 seconds: its data workers hang.*--shm'
    ):
        with hung_loader_named():
            next(iter(DataLoader(Hangs(), num_workers=1, timeout=1)))
    with pytest.raises(RuntimeError, match='^other$'):
        with hung_loader_named():
            raise RuntimeError('other')


def test_a_run_is_refused_before_its_first_iteration(tmp_path, monkeypatch):
    monkeypatch.setattr('mmssod.engine.hooks.preflight_hook.room', lambda: 50_000)
    with pytest.raises(ValueError, match='do not fit in shared memory'):
        apis.train(toy_config(tmp_path, loader=dict(num_workers=2, persistent_workers=True)))
    assert not list(tmp_path.glob('*.pth')) and (room() or 1) > 0
