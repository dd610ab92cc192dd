"""No text of a checkpoint is run, whichever way it comes in; a tensor needs what is stored; threads are apart."""

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from builders.toy_training import toy_config
from mmdet.apis import DetInferencer, init_detector
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader
from test_unsafe_checkpoints import Payload

from mmssod import apis
from mmssod.environment.checkpoints import UnsafeCheckpointError, trusting
from mmssod.environment.data_configs import UnsafeConfigError, config_from_text, text_fault
from mmssod.models.checkpoint_parts import teacher_digest
from mmssod.tiny_detectors import CLASSES, tiny_detector

PLACES = ('config', 'cfg', 'hub')


def texts(marker: Path) -> list[str]:
    """Configs that make a file when mmengine parses them, or builds a model of them."""
    touch = f'open({str(marker)!r}, "w")'
    other = marker.with_name('other.py')
    other.write_text(touch)
    detector = "default_scope = 'mmdet'\ntest_dataloader = dict(dataset=dict(pipeline=[]))\n"
    return [
        touch,
        f'a = {touch}',
        f'import os\nos.system("touch {marker}")',
        f"_base_ = '{other}'\n",
        f"a = '{{{{X:'+{touch.replace(' ', '')}+'}}}}'",
        f"custom_imports = dict(imports=['{other.stem}'])",
        f"{detector}model = dict(type='subprocess.call', args=['touch', '{marker}'])",
        f"{detector}model = dict(type='{other.stem}')",
        f"{detector}model = dict(type='mmdet.apis.DetInferencer', model='{other}')",
        f"{detector}model = dict(type='CameraMotionCompensation', warp_mode={touch!r})",
    ]


def tiny_config() -> Config:
    pipeline = [dict(type='LoadImageFromFile'), dict(type='PackDetInputs')]
    dataset = dict(type='CocoDataset', metainfo=dict(classes=CLASSES), pipeline=pipeline)
    return Config(
        dict(default_scope='mmdet', model=tiny_detector(), test_dataloader=dict(dataset=dataset))
    )


def planted(folder: Path, text: str, content: dict) -> str:
    """A checkpoint with a text in all places that mmengine parses."""
    content = {**content, 'meta': {**content.get('meta', {}), 'config': text, 'cfg': text}}
    hub = content.get('message_hub', {})
    hub = {**hub, 'runtime_info': {**hub.get('runtime_info', {}), 'cfg': text}}
    torch.save({**content, 'message_hub': hub}, folder / 'iter_2.pth')
    return str(folder / 'iter_2.pth')


@pytest.fixture
def marker(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / 'it_ran'


def test_texts_do_run_unguarded(marker):
    """The texts are what they should be: mmengine, and a registry, run each of them."""
    ran = []
    for number, text in enumerate(texts(marker)[:4]):
        marker.unlink(missing_ok=True)
        with suppress(Exception):
            Config.fromstring(text, '.py')
        ran.append((number, marker.exists()))
    marker.unlink(missing_ok=True)
    init_default_scope('mmdet')
    config = Config(config_of(texts(marker)[6]))
    MODELS.build(config.model)
    assert all(done for _, done in ran) and marker.exists()


def config_of(text: str) -> dict:
    names: dict = {}
    exec(text, names)
    return {key: value for key, value in names.items() if key != '__builtins__'}


def test_resume_runs_no_text(tmp_path, marker):
    apis.train(toy_config(tmp_path / 'run', max_iters=2))
    whole = torch.load(tmp_path / 'run/iter_2.pth', weights_only=False)
    for text in texts(marker)[:4]:
        file = planted(tmp_path / 'run', text, whole)
        apis.train(toy_config(tmp_path / 'more', max_iters=3), resume=file)
        assert not marker.exists(), text
    apis.train(toy_config(tmp_path / 'run', max_iters=3), resume='auto')
    assert not marker.exists()
    again = torch.load(tmp_path / 'run/iter_3.pth', weights_only=False)
    assert text_fault(again['message_hub']['runtime_info']['cfg']) is None  # the run's own


def test_inferencer_runs_no_text(tmp_path, marker):
    weights = MODELS.build(tiny_detector()).state_dict()
    content = dict(state_dict=weights, meta=dict(dataset_meta=dict(classes=CLASSES)))
    for text in texts(marker):
        file = planted(tmp_path, text, content)
        with pytest.raises(Exception) as told:
            DetInferencer(weights=file, device='cpu')
        assert 'config' in str(told.value) and not marker.exists(), text


def test_a_dumped_config_is_read(tmp_path):
    config = tiny_config()
    text = config.pretty_text
    assert text_fault(text) is None
    assert config_from_text(text).keys() == config.to_dict().keys()
    assert config_from_text('a = dict({1: -2.5}, b=(inf, {"x"}))') == {
        'a': {1: -2.5, 'b': (float('inf'), {'x'})}
    }


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('a = f(1)', 'line 1: f'),
        ('a = 1\nimport os', 'line 2: import os'),
        ('a = dict(**b)', 'got code'),
        ('a = [x for x in ()]', 'got code'),
        ("a = dict(type='os.system')", "type='os.system'"),
        ("a = [dict(type='x()')]", "type='x"),
        ("a = dict(b=[dict(type='torch.hub.load')])", 'torch.hub.load'),
        ("default_scope = 'json'", 'default_scope'),
        ("custom_imports = dict(imports=['no_such_module'])", '--import no_such_module'),
        ("a = dict(ann_file='x.PKL')", 'no data'),
        ('a = ', 'SyntaxError'),
        ('a = ' + '[' * 9999, 'got'),
        ('a = {[]: 1}', 'TypeError'),
    ],
)
def test_what_is_refused(text, said):
    with pytest.raises(UnsafeConfigError, match=r'expected') as told:
        config_from_text(text)
    assert said in str(told.value)


def test_a_view_is_no_larger_than_it_is_stored(tmp_path):
    """One stored number seen as 3 GB costs nothing to send, and would cost 3 GB to hash."""
    wide = torch.zeros(1).expand(750_000_000)
    torch.save(dict(state_dict=dict(weight=wide)), tmp_path / 'a.pth')
    assert (tmp_path / 'a.pth').stat().st_size < 10_000
    with pytest.raises(UnsafeCheckpointError, match='they need 3000000000 bytes'):
        teacher_digest(str(tmp_path / 'a.pth'))
    many = {str(n): torch.zeros(20).expand(9, 20) for n in range(3)}
    torch.save(dict(state_dict=many), tmp_path / 'b.pth')
    assert len(teacher_digest(str(tmp_path / 'b.pth'))) == 64


def test_sparse_tensors_are_refused(tmp_path):
    huge = torch.sparse_coo_tensor(torch.zeros(1, 1, dtype=torch.long), [1.0], (10**9,))
    torch.save(dict(state_dict=dict(weight=huge)), tmp_path / 'a.pth')
    with pytest.raises(UnsafeCheckpointError, match='dense|run code'):
        teacher_digest(str(tmp_path / 'a.pth'))


def test_threads_do_not_share_trust(tmp_path):
    """What one thread trusts, another does not; and nothing is left of either."""
    marker = tmp_path / 'it_ran'
    torch.save(dict(extra=Payload(marker)), tmp_path / 'evil.pth')
    torch.save(dict(a=torch.zeros(3)), tmp_path / 'good.pth')
    before, told = dict(os.environ), []
    inside, done = threading.Event(), threading.Event()

    def refused():
        inside.wait(9)
        for _ in range(20):
            try:
                CheckpointLoader.load_checkpoint(str(tmp_path / 'evil.pth'))
            except UnsafeCheckpointError:
                told.append(True)
            CheckpointLoader.load_checkpoint(str(tmp_path / 'good.pth'))
        done.set()

    threads = [threading.Thread(target=refused) for _ in range(4)]
    for thread in threads:
        thread.start()
    with trusting():
        inside.set()
        done.wait(60)
        for thread in threads:
            thread.join()
        assert len(told) == 80 and not marker.exists()
        CheckpointLoader.load_checkpoint(str(tmp_path / 'evil.pth'))
    assert marker.exists() and dict(os.environ) == before
    marker.unlink()
    torch.load(tmp_path / 'evil.pth', weights_only=False)  # the user's own way is the user's
    assert marker.exists()


def test_init_detector_is_told_how_to_trust(tmp_path):
    config = tiny_config()
    torch.save(dict(extra=Payload(tmp_path / 'it_ran')), tmp_path / 'evil.pth')
    with pytest.raises(UnsafeCheckpointError, match=r'trusting\(\)'):
        init_detector(config, str(tmp_path / 'evil.pth'), device='cpu')
    assert not (tmp_path / 'it_ran').exists()
