"""Faults of the world: a process lost under torchrun, a data worker killed, SIGTERM, a clock that jumps."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from fault_runs import PORTS, differences, start, wait
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from toy_training import toy_config

from mmssod import apis

ITERATIONS = 12
TIMEOUT = 600.0


def torchrun_restarts(root: Path, iterations: int, seed: int = 2) -> dict:
    """Two processes for so many iterations; one is killed, torchrun starts both again, and they go on."""
    kill_at = random.Random(seed).randrange(iterations // 4, 3 * iterations // 4)
    seconds = {}
    for name, more in (('torchrun_whole', []), ('torchrun_killed', [str(kill_at)])):
        began = time.monotonic()
        command = [
            *(sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2'),
            *('--max_restarts=2', f'--master_port={next(PORTS)}'),
            *(str(Path(__file__).parent / 'torchrun_rank.py'), str(root / name), str(iterations)),
        ]
        log = root / f'{name}.log'
        with open(log, 'w') as stream:
            subprocess.run(
                [*command, *more], stdout=stream, stderr=stream, check=True, timeout=1800
            )
        seconds[name] = round(time.monotonic() - began, 1)
    found = differences(root / 'torchrun_whole', root / 'torchrun_killed', f'iter_{iterations}.pth')
    killed = (root / 'torchrun_killed.killed').exists()
    return dict(
        iterations=iterations,
        killed_in_iteration=kill_at,
        seconds=seconds,
        differing=found,
        passed=killed and not found,
    )


@HOOKS.register_module()
class WorkerKiller(Hook):
    """SIGKILL for a data worker in an iteration."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 5:
            os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)


def worker_killed(root: Path) -> dict:
    """The run ends with the worker's id, and goes on bit by bit."""
    loader = dict(num_workers=2, persistent_workers=True)
    _finish(root, 'worker_whole', loader)
    log = root / 'worker_cut.log'
    began = time.monotonic()
    code = wait(start(_run(root / 'worker_cut', loader, 'WorkerKiller'), log), TIMEOUT)
    seconds = time.monotonic() - began
    said = next(
        (line for line in log.read_text().splitlines() if 'DataLoader worker (pid' in line), ''
    )
    _finish(root, 'worker_cut', loader)
    found = differences(root / 'worker_whole', root / 'worker_cut', f'iter_{ITERATIONS}.pth')
    return dict(
        exit_code=code,
        said=said.strip()[-120:],
        seconds=round(seconds, 1),
        differing=found,
        passed=code == 1 and bool(said) and not found,
    )


def sigterm(root: Path, trials: int, seed: int = 3) -> dict:
    """A checkpoint and exit code 143, wherever in the run the signal comes; the end is that of the whole run."""
    draw = random.Random(seed)
    seconds = _finish(root, 'term_whole')
    codes, differing = [], []
    for trial in range(trials):
        folder = root / f'term_{trial}'
        pid = start(_run(folder, None), root / f'term_{trial}.log')
        time.sleep(draw.uniform(0.3, 1.0) * seconds)
        os.kill(pid, signal.SIGTERM)
        codes.append(wait(pid, TIMEOUT))
        _finish(root, folder.name)
        found = differences(root / 'term_whole', folder, f'iter_{ITERATIONS}.pth')
        differing += [f'{trial}: {name}' for name in found]
    # 143 and a checkpoint; -15 before it listens, or 0 where the run was done.
    return dict(
        trials=trials,
        exit_codes=codes,
        differing=differing,
        passed=not differing and set(codes) <= {143, -15, 0},
    )


def clock_jumps(root: Path) -> dict:
    """A wall clock that jumps by days, back and forth, changes nothing but the log."""
    _finish(root, 'clock_whole')

    def jumping():
        real, draw = time.time, random.Random(4)
        time.time = lambda: real() + draw.choice([-1, 0, 1]) * 86_400 * 3
        _run(root / 'clock_jumps', None)()

    code = wait(start(jumping, root / 'clock_jumps.log'), TIMEOUT)
    found = differences(root / 'clock_whole', root / 'clock_jumps', f'iter_{ITERATIONS}.pth')
    return dict(exit_code=code, differing=found, passed=code == 0 and not found)


def _run(folder: Path, loader: dict | None, *hooks: str):
    cfg = toy_config(
        folder, max_iters=ITERATIONS, loader=loader, hooks=[dict(type=name) for name in hooks]
    )
    cfg.default_hooks.checkpoint.update(interval=4, max_keep_ckpts=2)
    return lambda: apis.train(cfg, resume='auto')


def _finish(root: Path, name: str, loader: dict | None = None) -> float:
    began = time.monotonic()
    code = wait(start(_run(root / name, loader), root / f'{name}.log'), TIMEOUT)
    if code:
        raise RuntimeError(
            f'{name} ended with {code}: {(root / f"{name}.log").read_text()[-3000:]}'
        )
    return time.monotonic() - began
