"""A run with little shared memory, as docker gives it: refused before training, and no hang where it slips through."""

import pytest
from builders.fault_runs import start, wait
from builders.toy_training import toy_config
from own_mounts import NOT_ALLOWED, mount

from mmssod import apis


@pytest.mark.parametrize(
    ('checked', 'said'), [(True, 'do not fit in shared memory'), (False, '--shm-size')]
)
def test_a_run_does_not_hang(tmp_path, monkeypatch, checked, said):
    if not checked:
        monkeypatch.setattr('mmssod.engine.hooks.preflight_hook.room', lambda: None)
    loader = dict(num_workers=2, persistent_workers=True, timeout=5)

    def action():
        mount('/dev/shm', '600k')  # a batch of 64 images takes 256, and 5 batches are needed
        cfg = toy_config(tmp_path / 'run', max_iters=20, counts=(32, 32), loader=loader)
        apis.train(cfg)

    code = wait(start(action, tmp_path / 'log'), 60)
    if code == NOT_ALLOWED:
        pytest.skip('no mounts of its own for this user')
    text = (tmp_path / 'log').read_text()
    assert code == 1 and said in text, text[-2000:]
