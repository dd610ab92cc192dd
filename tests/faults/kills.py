"""SIGKILL at random moments, in one process and in two: the end is bit by bit that of a run that was not killed."""

import random
import time
from pathlib import Path

from fault_runs import PORTS, differences, kill, start, wait
from small_training import small_config, small_data
from toy_training import toy_config

from mmssod import apis

ITERATIONS = 14
TOY_ITERATIONS = 60
TIMEOUT = 600.0


def kill_one_process(root: Path, trials: int, seed: int = 0) -> dict:
    """A small detector with data workers in every second trial; each trial is killed once or twice, then let finish."""
    draw = random.Random(seed)
    data = small_data(root / 'data')

    def run(folder: Path, workers: int = 0):
        folder.mkdir(exist_ok=True)
        cfg = small_config(data, folder, ITERATIONS, workers)
        cfg.default_hooks.checkpoint.update(interval=3, max_keep_ckpts=1)
        return lambda: apis.train(cfg, work_dir=str(folder), seed=0, resume='auto')

    seconds = _finish(run(root / 'whole'), root / 'whole.log')
    moments, differing = [], []
    for trial in range(trials):
        folder = root / f'killed_{trial}'
        action = run(folder, workers=trial % 2)
        for _ in range(draw.choice([1, 2])):
            moments.append(
                _kill_within(action, root / f'{trial}.log', draw.uniform(0, 1.1 * seconds))
            )
        _finish(action, root / f'{trial}.log')
        differing += [
            f'{trial}: {name}'
            for name in differences(root / 'whole', folder, f'iter_{ITERATIONS}.pth')
        ]
    kills = [moment for moment in moments if moment is not None]
    return dict(
        trials=trials,
        kills=len(kills),
        iterations_a_run=ITERATIONS,
        seconds_a_run=round(seconds, 1),
        earliest_s=round(min(kills, default=0.0), 2),
        latest_s=round(max(kills, default=0.0), 2),
        differing=differing,
        passed=not differing and len(kills) >= trials / 2,
    )


def kill_one_of_two(root: Path, trials: int, seed: int = 1) -> dict:
    """Two gloo processes of the toy run; one is killed, the other must end by itself, both go on."""
    draw = random.Random(seed)

    def run(folder: Path) -> list[int]:
        port = str(next(PORTS))
        return [
            start(_rank(folder), root / f'{folder.name}_{r}.log', **_env(r, port)) for r in (0, 1)
        ]

    began = time.monotonic()
    codes = [wait(pid, TIMEOUT) for pid in run(root / 'two_whole')]
    seconds = time.monotonic() - began
    assert codes == [0, 0], f'the run without a kill ended with {codes}, see {root}'
    kills, waited, differing = 0, [], []
    for trial in range(trials):
        folder = root / f'two_killed_{trial}'
        pids = run(folder)
        time.sleep(draw.uniform(0.2, 0.9) * seconds)
        victim = draw.randrange(2)
        kill(pids[victim])
        kills += wait(pids[victim]) < 0
        began = time.monotonic()
        wait(pids[1 - victim], TIMEOUT)
        waited.append(time.monotonic() - began)
        if [wait(pid, TIMEOUT) for pid in run(folder)] != [0, 0]:
            differing.append(f'{trial}: did not finish')
            continue
        found = differences(root / 'two_whole', folder, f'iter_{TOY_ITERATIONS}.pth')
        differing += [f'{trial}: {name}' for name in found]
    return dict(
        trials=trials,
        kills=kills,
        iterations_a_run=TOY_ITERATIONS,
        longest_wait_of_the_other_s=round(max(waited), 1),
        differing=differing,
        passed=not differing,
    )


def _rank(folder: Path):
    cfg = toy_config(folder, max_iters=TOY_ITERATIONS)
    cfg.default_hooks.checkpoint.update(interval=5, max_keep_ckpts=2)
    cfg.env_cfg.dist_cfg = dict(backend='gloo', timeout=60)
    return lambda: apis.train(cfg, launcher='pytorch', resume='auto')


def _env(rank: int, port: str) -> dict[str, str]:
    return dict(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE='2',
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=port,
    )


def _finish(action, log: Path) -> float:
    began = time.monotonic()
    code = wait(start(action, log))
    if code:
        raise RuntimeError(f'a run that nobody killed ended with {code}: {log.read_text()[-3000:]}')
    return time.monotonic() - began


def _kill_within(action, log: Path, seconds: float) -> float | None:
    """Kill a run after so long; the moment, None if it was done before."""
    pid = start(action, log)
    time.sleep(seconds)
    kill(pid)
    return seconds if wait(pid) < 0 else None
