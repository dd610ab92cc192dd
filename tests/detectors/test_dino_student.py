"""A DINO in a real run, with an EMA teacher and the shipped hooks."""

import math
from statistics import mean

import pytest
from builders.trainings import small_config, small_data
from mmdet.registry import HOOKS
from mmengine.hooks import Hook

from any_detector.found import tried
from any_detector.shrink import shrunk
from mmssod.apis import train

ITERATIONS = 20


@HOOKS.register_module()
class KeepLosses(Hook):
    """What each iteration logs."""

    seen: list = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.seen.append({name: value.detach().item() for name, value in outputs.items()})


@pytest.mark.slow
def test_a_dino_trains_as_a_student(tmp_path):
    """Losses are finite and fall, each step has pseudo boxes, and the teacher follows."""
    KeepLosses.seen.clear()
    cfg = small_config(small_data(tmp_path / 'data'), tmp_path, ITERATIONS)
    cfg.model.detector = shrunk(next(found for found in tried() if found.detector == 'DINO'))
    cfg.model.data_preprocessor = None
    cfg.model.balancer = dict(type='ClassBalancer', threshold=0.0)
    cfg.param_scheduler = []
    cfg.custom_hooks = [dict(type='KeepLosses')]
    train(cfg, work_dir=str(tmp_path / 'run'), seed=0)
    seen = KeepLosses.seen
    assert len(seen) == ITERATIONS
    assert all(math.isfinite(value) for step in seen for value in step.values())
    assert all(step['pseudo_boxes'] > 0 for step in seen)
    for branch in ('sup', 'unsup'):
        names = [n for n in seen[0] if n.startswith(f'{branch}_') and n.endswith('loss_cls')]
        sums = [sum(step[name] for name in names) for step in seen]
        assert len(names) > 3 and mean(sums[-5:]) < 0.8 * mean(sums[:5])
    assert (tmp_path / f'run/iter_{ITERATIONS}.pth').exists()
