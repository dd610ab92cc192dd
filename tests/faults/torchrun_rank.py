"""One process of a toy run under torchrun, and what happens to it: ``FOLDER ITERATIONS [killed|told ITERATION]``."""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from builders.toy_training import toy_config
from mmdet.registry import HOOKS
from mmengine.hooks import Hook

from mmssod import apis
from mmssod.engine import PreemptionHook

MARKER = '.reached'  # behind the folder's name: a file that says that the iteration was reached


@HOOKS.register_module()
class KilledOnce(Hook):
    """SIGKILL for process 1 in an iteration, once in the life of a run."""

    def __init__(self, iteration: int, marker: str):
        self.iteration, self.marker = iteration, marker

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == self.iteration and runner.rank == 1 and not os.path.exists(self.marker):
            Path(self.marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)


@HOOKS.register_module()
class ToldTwice(Hook):
    """Waits in an iteration until a signal has come, and then for its repetition."""

    def __init__(self, iteration: int, marker: str):
        self.iteration, self.marker = iteration, marker

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration and not os.path.exists(self.marker):
            hook = next(hook for hook in runner.hooks if isinstance(hook, PreemptionHook))
            if runner.rank == 0:
                Path(self.marker).touch()
            end = time.monotonic() + 20
            while not hook._told and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(1.0)


def config(folder: Path, iterations: int, *fault: str):
    """The config of the run; ``fault`` is ``killed`` or ``told`` and the iteration in which it happens."""
    hooks = []
    if fault:
        kind = dict(killed='KilledOnce', told='ToldTwice')[fault[0]]
        marker = f'{folder}{MARKER}'
        hooks = [dict(type=kind, iteration=int(fault[1]), marker=marker)]
    loader = dict(num_workers=1, persistent_workers=True)
    cfg = toy_config(folder, max_iters=iterations, hooks=hooks, loader=loader)
    cfg.default_hooks.checkpoint.update(interval=20, max_keep_ckpts=2)
    cfg.default_hooks.logger.interval = 50
    cfg.env_cfg.dist_cfg = dict(backend='gloo', timeout=60)
    return cfg


def main() -> None:
    """Train, or go on."""
    folder, iterations, *fault = sys.argv[1:]
    apis.train(config(Path(folder), int(iterations), *fault), launcher='pytorch', resume='auto')


if __name__ == '__main__':
    main()
