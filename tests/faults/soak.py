"""A long run of a small detector: does it keep memory or files?"""

import json
import multiprocessing
import os
from pathlib import Path
from statistics import median

from builders.fault_runs import start, wait
from builders.trainings import small_config, small_data
from mmdet.registry import HOOKS
from mmengine.hooks import Hook

from mmssod import apis

GROWTH = 0.02
LEAST = 2000  # iterations below which growth means nothing: caches and pools still fill


@HOOKS.register_module()
class ResourceWatch(Hook):
    """Notes resident memory and open files of the process and its data workers every ``interval`` iterations."""

    def __init__(self, file: str, interval: int):
        self.file, self.interval = file, interval

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if self.every_n_train_iters(runner, self.interval):
            pids = [os.getpid(), *(child.pid for child in multiprocessing.active_children())]
            seen = [resources(pid) for pid in pids]
            row = [runner.iter + 1, sum(m for m, _ in seen), sum(f for _, f in seen), len(pids)]
            with open(self.file, 'a') as stream:
                stream.write(json.dumps(row) + '\n')


def resources(pid: int) -> tuple[int, int]:
    """Bytes of resident memory and number of open files of a process."""
    with open(f'/proc/{pid}/statm') as stream:
        resident = int(stream.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')
    return resident, len(os.listdir(f'/proc/{pid}/fd'))


def growth(rows: list[list[int]]) -> tuple[float, int]:
    """From the second quarter of a run to its last: relative growth of median memory, growth of most open files."""
    end = rows[-1][0]
    quarters = [
        [row for row in rows if (number - 1) * end / 4 < row[0] <= number * end / 4]
        for number in (2, 4)
    ]
    memory = [median(row[1] for row in quarter) for quarter in quarters]
    files = [max(row[2] for row in quarter) for quarter in quarters]
    return memory[1] / memory[0] - 1, files[1] - files[0]


def soak(root: Path, iterations: int) -> dict:
    """Train so long with data workers, checkpoints, labels, evaluations; compare the last quarter with the second."""
    folder = root / 'soak'
    folder.mkdir()
    often = max(iterations // 40, 1)
    cfg = small_config(small_data(root / 'soak_data'), folder, iterations, 1, val_interval=often)
    cfg.default_hooks.checkpoint.update(interval=often, max_keep_ckpts=2)
    watch = dict(
        type='ResourceWatch', file=str(root / 'soak.jsonl'), interval=max(iterations // 80, 1)
    )
    cfg.custom_hooks = [watch]
    action = start(lambda: apis.train(cfg, work_dir=str(folder), seed=0), root / 'soak.log')
    code = wait(action, seconds=20 * iterations + 600)
    rows = [json.loads(line) for line in (root / 'soak.jsonl').read_text().splitlines()]
    memory, files = growth(rows)
    evaluations = (root / 'soak.log').read_text().count('coco/bbox_mAP:')
    kept = iterations < LEAST or (memory < GROWTH and files <= 0)
    return dict(
        iterations=rows[-1][0],
        processes=rows[-1][3],
        evaluations=evaluations,
        measurements=len(rows),
        memory_mib=[round(row[1] / 2**20, 1) for row in (rows[len(rows) // 2], rows[-1])],
        memory_growth=f'{memory:.2%}',
        growth_of_open_files=files,
        judged=iterations >= LEAST,
        passed=code == 0
        and rows[-1][0] == iterations
        and len(rows) >= 40
        and evaluations >= 40
        and rows[-1][3] >= 2
        and kept,
    )
