"""A checkpoint whose unpickling would run code does not run it, whichever way it comes in."""

import http.server
import re
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from builders.toy_training import toy_config, weights_of
from mmdet.registry import MODELS
from mmengine.logging import MessageHub
from mmengine.runner import CheckpointLoader

from mmssod import apis
from mmssod.environment.checkpoints import UnsafeCheckpointError, guard_loading, trusting
from mmssod.models.checkpoint_parts import merge_checkpoints
from mmssod.tiny_detectors import tiny_detector, tiny_semi


class Payload:
    """Unpickling it makes a file: harmless, and seen."""

    def __init__(self, marker: Path):
        self.marker = str(marker)

    def __reduce__(self):
        return Path.touch, (Path(self.marker),)


class Evaluated(Payload):
    """The same by a name that every allow-list must leave out."""

    def __reduce__(self):
        return eval, (f'open({self.marker!r}, "w")',)


class Attribute(Payload):
    """By ``getattr``, which onedl-mmengine allows."""

    def __reduce__(self):
        return getattr, (torch.Tensor, 'numpy')


def test_no_way_in_goes_round_the_guard():
    """In the package, torch loads weights alone, or in the guard's own module."""
    package = Path(apis.__file__).parents[1]
    files = sorted(package.rglob('*.py'))
    loads = [
        f'{file.relative_to(package)}: {line.strip()}'
        for file in files
        for line in file.read_text().splitlines()
        if re.search(r'\btorch\.load\(|weights_only=False', line)
        and file != package / 'environment/checkpoints.py'
    ]
    assert len(files) > 200 and loads  # it looks where there is something to find
    assert [line for line in loads if 'weights_only=True' not in line] == []


@pytest.fixture
def marker(tmp_path):
    return tmp_path / 'it_ran'


@pytest.fixture(params=[Payload, Evaluated, Attribute])
def malicious(request, tmp_path, marker):
    """A real checkpoint of a toy run with something more in it."""
    apis.train(toy_config(tmp_path / 'run', max_iters=2))
    file = tmp_path / 'run/iter_2.pth'
    content = torch.load(file, weights_only=False)
    content['meta']['extra'] = request.param(marker)
    torch.save(content, file)
    return str(file)


def resume(file, folder):
    apis.train(toy_config(folder), resume=file)


def resume_newest(file, folder):
    apis.train(toy_config(Path(file).parent), resume='auto')


def load_from(file, folder):
    apis.train(toy_config(folder), load_from=file)


def evaluate(file, folder):
    apis.test(toy_config(folder), file)


def try_out(file, folder):
    apis.dry_run(toy_config(folder), load_from=file)


def merge(file, folder):
    merge_checkpoints([file, file])


def labeler(file, folder):
    model = MODELS.build(tiny_semi(labeler=dict(type='FrozenTeacher', checkpoint=file)))
    model.init_weights()


def backbone(file, folder):
    config = tiny_detector()
    config.backbone.init_cfg = dict(type='Pretrained', checkpoint=file)
    MODELS.build(config).init_weights()


def download(file, folder):
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(Path(file).parent))
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            url = f'http://127.0.0.1:{server.server_port}/{Path(file).name}'
            CheckpointLoader.load_checkpoint(url, map_location='cpu')
        finally:
            server.shutdown()


WAYS = [
    resume,
    resume_newest,
    load_from,
    evaluate,
    try_out,
    merge,
    labeler,
    backbone,
    download,
]


def test_no_way_in_runs_what_is_in_a_checkpoint(malicious, marker, tmp_path, monkeypatch):
    monkeypatch.setenv('NO_PROXY', '127.0.0.1')
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'hub'))
    for way in WAYS:
        with pytest.raises(UnsafeCheckpointError, match='run code|not written by mmengine') as told:
            way(malicious, tmp_path / way.__name__)
        assert '--trust-checkpoint' in str(told.value), way
        assert not marker.exists(), way


def test_who_is_trusted_may(tmp_path, marker):
    """Trust is said once, holds for that call, and ends with it."""
    apis.train(toy_config(tmp_path / 'run', max_iters=2))
    file = tmp_path / 'run/iter_2.pth'
    content = torch.load(file, weights_only=False)
    torch.save({**content, 'extra': Payload(marker)}, file)
    apis.train(toy_config(tmp_path / 'more', max_iters=3), resume=str(file), trust_checkpoint=True)
    assert marker.exists() and weights_of(tmp_path / 'more', 3)
    marker.unlink()
    apis.test(toy_config(tmp_path / 'test'), str(file), trust_checkpoint=True)
    assert marker.exists()
    marker.unlink()
    with pytest.raises(UnsafeCheckpointError):
        apis.test(toy_config(tmp_path / 'again'), str(file))
    assert not marker.exists()


def test_a_log_of_mmengine_is_data(tmp_path):
    hub = MessageHub('data')
    hub.update_scalar('train/loss', 0.5)
    torch.save({'message_hub': hub.state_dict()}, tmp_path / 'a.pth')
    loaded = CheckpointLoader.load_checkpoint(str(tmp_path / 'a.pth'), map_location='cpu')
    assert loaded['message_hub']['log_scalars']['train/loss'].current() == 0.5


@pytest.mark.parametrize(
    ('value', 'fine'),
    [
        *(
            (np.arange(3).astype(code), True)
            for code in ('bool', 'int8', 'uint64', 'float16', 'float64')
        ),
        (np.array([{}], dtype=object), False),
        (np.array(['text']), False),
        (np.zeros(1, dtype=[('a', 'i4')]), False),
        (np.zeros(1, dtype='M8[s]'), False),
    ],
    ids=lambda value: str(getattr(value, 'dtype', value)),
)
def test_arrays_of_numbers_alone(tmp_path, value, fine):
    file = str(tmp_path / 'a.pth')
    torch.save({'log': value}, file)
    if fine:
        loaded = CheckpointLoader.load_checkpoint(file, map_location='cpu')['log']
        assert loaded.dtype == value.dtype and (loaded == value).all()
    else:
        with pytest.raises(UnsafeCheckpointError):
            CheckpointLoader.load_checkpoint(file, map_location='cpu')


@pytest.mark.parametrize('content', [b'', b'no checkpoint', b'PK\x03\x04 cut off'])
def test_damage_is_told_from_malice(tmp_path, content):
    (tmp_path / 'a.pth').write_bytes(content)
    with pytest.raises(ValueError, match=r'a\.pth: expected'):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'a.pth'), map_location='cpu')


def test_guarding_twice_and_trusting_within_are_harmless():
    before = dict(CheckpointLoader._schemes)
    guard_loading()
    assert CheckpointLoader._schemes == before and len(before) >= 5
    with trusting(), trusting(False):
        pass
