"""The process group of a run that torchrun has started again."""

from datetime import timedelta

import pytest
import torch.distributed as dist
from mmengine.config import Config

from mmssod.apis.distributed import process_group


@pytest.fixture
def torchruns_store(monkeypatch):
    """It outlives the processes; they are told of it by the environment."""
    store = dist.TCPStore('127.0.0.1', 0, is_master=True, timeout=timedelta(seconds=20))
    ranks = dict(RANK='0', WORLD_SIZE='1', LOCAL_RANK='0')
    place = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(store.port))
    for name, value in (ranks | place | dict(TORCHELASTIC_USE_AGENT_STORE='True')).items():
        monkeypatch.setenv(name, value)
    return store


@pytest.mark.parametrize(('attempt', 'is_seen'), [(0, True), (1, False), (2, False)])
def test_a_new_attempt_does_not_see_keys_of_dead_processes(
    torchruns_store, monkeypatch, attempt, is_seen
):
    cfg = Config(dict(launcher='pytorch', env_cfg=dict(dist_cfg=dict(timeout=20))))
    for life in (0, attempt):
        monkeypatch.setenv('TORCHELASTIC_RESTART_COUNT', str(life))
        with process_group(cfg):
            store = dist.distributed_c10d._get_default_store()
            seen = store.check(['address'])
            store.set('address', 'of a process')
    assert seen is is_seen
    assert not dist.is_initialized()
