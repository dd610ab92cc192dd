"""A long run of a small detector: does it keep memory or files?"""

import json
import os
from pathlib import Path

from fault_runs import start, wait
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from small_training import small_config, small_data

from mmssod import apis

GROWTH = 0.02
WARM = 0.25  # share of the run after which nothing new should be needed


@HOOKS.register_module()
class ResourceWatch(Hook):
    """Notes resident memory and open files of the process every ``interval`` iterations."""

    def __init__(self, file: str, interval: int):
        self.file, self.interval = file, interval

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if self.every_n_train_iters(runner, self.interval):
            with open('/proc/self/statm') as stream:
                resident = int(stream.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')
            files = len(os.listdir('/proc/self/fd'))
            with open(self.file, 'a') as stream:
                stream.write(json.dumps([runner.iter + 1, resident, files]) + '\n')


def soak(root: Path, iterations: int) -> dict:
    """Train so long with data workers, checkpoints and labels; compare the end with a quarter of the way."""
    folder = root / 'soak'
    folder.mkdir()
    cfg = small_config(small_data(root / 'soak_data'), folder, iterations, workers=1)
    cfg.default_hooks.checkpoint.update(interval=max(iterations // 10, 1), max_keep_ckpts=2)
    interval = max(iterations // 40, 1)
    watch = dict(type='ResourceWatch', file=str(root / 'soak.jsonl'), interval=interval)
    cfg.custom_hooks = [watch]
    action = start(lambda: apis.train(cfg, work_dir=str(folder), seed=0), root / 'soak.log')
    code = wait(action, seconds=20 * iterations + 600)
    lines = (root / 'soak.jsonl').read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    warm, end = next(row for row in rows if row[0] >= WARM * iterations), rows[-1]
    growth = end[1] / warm[1] - 1
    return dict(
        iterations=end[0],
        memory_mib={f'iteration {row[0]}': round(row[1] / 2**20, 1) for row in (warm, end)},
        memory_growth=f'{growth:.2%}',
        open_files=[warm[2], end[2]],
        passed=code == 0 and end[0] == iterations and growth < GROWTH and end[2] <= warm[2],
    )
