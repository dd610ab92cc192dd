"""SIGTERM for all processes of a group, as of ``kill -- -PGID`` and of a container's stop: the run is saved."""

import os
import subprocess
import time

import pytest
from builders.fault_runs import differences, start, wait
from builders.toy_training import toy_config
from mmdet.registry import HOOKS
from mmengine.hooks import Hook

from mmssod import apis


@HOOKS.register_module()
class GroupTold(Hook):
    """Has a process outside of the group signal it, and waits until a data worker would have ended."""

    def __init__(self, iteration):
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            kill = ['sh', '-c', f'kill -s TERM -- -{os.getpgrp()}']
            subprocess.run(kill, start_new_session=True, check=True)
            time.sleep(0.5)


@pytest.mark.parametrize('workers', [0, 1, 2])
def test_a_run_saves_and_goes_on(tmp_path, workers):
    def trains(name, *hooks):
        loader = dict(num_workers=workers, persistent_workers=workers > 0)
        cfg = toy_config(tmp_path / name, max_iters=6, hooks=hooks, loader=loader)
        pid = start(lambda: apis.train(cfg, resume='auto'), tmp_path / f'{name}.log')
        return wait(pid, 60)

    assert trains('whole') == 0
    assert trains('cut', dict(type='GroupTold', iteration=2)) == 143
    said = next((tmp_path / 'cut').glob('*/*.log')).read_text()
    assert 'stopped after iteration 3, whose checkpoint is saved' in said
    assert 'DataLoader worker' not in (tmp_path / 'cut.log').read_text()
    assert trains('cut') == 0
    assert differences(tmp_path / 'whole', tmp_path / 'cut', 'iter_6.pth') == []
