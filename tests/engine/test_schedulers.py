"""The schedule that follows the length of the training."""

import pytest
import torch
from mmengine.optim import MultiStepLR

from mmssod.engine import ShareStepLR


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


def rates(scheduler, steps):
    """Learning rate of each step."""
    found = []
    for _ in range(steps):
        found.append(scheduler.optimizer.param_groups[0]['lr'])
        scheduler.optimizer.step()
        scheduler.step()
    return found


def test_the_rate_falls_at_two_thirds_and_eight_ninths():
    found = rates(ShareStepLR(optimizer(), end=18, by_epoch=False), 18)
    assert found == pytest.approx([1.0] * 12 + [0.1] * 4 + [0.01] * 2)


@pytest.mark.parametrize('end', [1, 7, 400, 180000, 540000])
def test_it_is_a_multi_step_schedule(end):
    ours = ShareStepLR(optimizer(), end=end, by_epoch=False)
    theirs = MultiStepLR(
        optimizer(), milestones=[end * 2 // 3, end * 8 // 9], end=end, by_epoch=False
    )
    assert ours.milestones == theirs.milestones


def test_the_runner_gives_the_length(tmp_path):
    from builders.toy_training import toy_config

    from mmssod.apis.config import build_runner

    cfg = toy_config(tmp_path, max_iters=9)
    cfg.param_scheduler = [dict(type='ShareStepLR', by_epoch=False)]
    runner = build_runner(cfg)
    assert runner.train_loop.max_iters == 9  # built first, as in Runner.train
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    (scheduler,) = runner.build_param_scheduler(runner.param_schedulers)
    assert sorted(scheduler.milestones) == [6, 8]


def test_shares_are_shares():
    with pytest.raises(ValueError, match=r'in \(0, 1\), got \(120000,\)'):
        ShareStepLR(optimizer(), shares=[120000], end=180000)
