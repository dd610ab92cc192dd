"""One process of a toy run under torchrun; one is killed in its first life: ``FOLDER ITERATIONS [KILL_AT]``."""

import os
import signal
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / 'engine'))

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from toy_training import toy_config

from mmssod import apis


@HOOKS.register_module()
class KilledOnce(Hook):
    """SIGKILL for process 1 in an iteration, once in the life of a run."""

    def __init__(self, iteration: int, marker: str):
        self.iteration, self.marker = iteration, marker

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == self.iteration and runner.rank == 1 and not os.path.exists(self.marker):
            Path(self.marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Train, or go on."""
    folder, iterations = Path(sys.argv[1]), int(sys.argv[2])
    hooks = []
    if len(sys.argv) > 3:
        marker = str(folder.with_suffix('.killed'))
        hooks = [dict(type='KilledOnce', iteration=int(sys.argv[3]), marker=marker)]
    cfg = toy_config(folder, max_iters=iterations, hooks=hooks)
    cfg.default_hooks.checkpoint.update(interval=20, max_keep_ckpts=2)
    cfg.default_hooks.logger.interval = 50
    cfg.env_cfg.dist_cfg = dict(backend='gloo', timeout=60)
    apis.train(cfg, launcher='pytorch', resume='auto')


if __name__ == '__main__':
    main()
