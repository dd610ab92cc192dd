"""An evaluation that a kill cut off is not lost."""

import pytest
import torch
from builders.toy_training import toy_config
from mmdet.registry import HOOKS
from mmengine.hooks import Hook

from mmssod import apis


class Killed(BaseException):
    """Stands for SIGKILL: nobody catches it."""


@HOOKS.register_module()
class Evaluations(Hook):
    """Notes after how many iterations a run evaluates; killed in the middle of one."""

    seen: list[int] = []  # shared by the runs of a test

    def __init__(self, killed_at: int = -1):
        self.killed_at = killed_at

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == self.killed_at:
            raise Killed

    def after_val_epoch(self, runner, metrics=None):
        self.seen.append(runner.iter)


@pytest.fixture(autouse=True)
def seen():
    Evaluations.seen = []
    return lambda: Evaluations.seen


def train(folder, max_iters=6, resume='auto', val_interval=2, first=False, **killed):
    cfg = toy_config(folder, max_iters=max_iters, hooks=[dict(type='Evaluations', **killed)])
    cfg.default_hooks.due_evaluation = dict(type='DueEvaluationHook', first=first)
    cfg.train_cfg.val_interval = val_interval
    cfg.default_hooks.checkpoint.save_best = 'toy/bbox_mAP' if first else None
    return apis.train(cfg, resume=resume)


@pytest.mark.parametrize('killed_at', [2, 4, 6])
def test_it_is_run_when_the_run_goes_on(tmp_path, seen, killed_at):
    with pytest.raises(Killed):
        train(tmp_path, killed_at=killed_at)
    assert seen() == list(range(2, killed_at, 2))
    metrics = train(tmp_path)
    assert seen() == [2, 4, 6] and metrics['toy/bbox_mAP'] == 0.08


def test_one_that_ended_is_not_run_again(tmp_path, seen):
    train(tmp_path, max_iters=4)
    assert train(tmp_path, max_iters=4) == {}
    train(tmp_path)
    assert seen() == [2, 4, 6]


def test_a_new_run_forgets_the_old_one(tmp_path, seen):
    train(tmp_path)
    with pytest.raises(Killed):
        train(tmp_path, resume=False, killed_at=4)
    train(tmp_path)
    assert seen() == [2, 4, 6, 2, 4, 6]


def test_where_none_was_due_there_is_none(tmp_path, seen):
    train(tmp_path, max_iters=2, val_interval=4)  # the last iteration is evaluated
    (tmp_path / 'last_evaluation').unlink()
    train(tmp_path, max_iters=4, val_interval=4)
    assert seen() == [2, 4]


def test_a_damaged_note_is_none(tmp_path, seen):
    train(tmp_path, max_iters=4)
    (tmp_path / 'last_evaluation').write_text('')
    train(tmp_path, max_iters=4)
    assert seen() == [2, 4, 4]


def test_the_start_is_evaluated_once_and_can_be_the_best(tmp_path, seen):
    """Killed in it, it is run again; a resumed run does not, and the weights are those of a run without it."""
    with pytest.raises(Killed):
        train(tmp_path / 'a', first=True, killed_at=0)
    train(tmp_path / 'a', first=True, max_iters=4)
    train(tmp_path / 'a', first=True)
    assert seen() == [0, 2, 4, 6]
    best = [file.name for file in (tmp_path / 'a').glob('best_*')]
    assert best == ['best_toy_bbox_mAP_iter_0.pth']  # all are alike
    train(tmp_path / 'b')
    ours, theirs = (
        torch.load(tmp_path / name / 'iter_6.pth', weights_only=False)['state_dict']
        for name in 'ab'
    )
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())
