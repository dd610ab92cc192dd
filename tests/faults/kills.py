"""SIGKILL at random moments, in one process and in two: the end is bit by bit that of a run that was not killed."""

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from builders.fault_runs import differences, kill, start, start_two, wait
from builders.toy_training import toy_config
from builders.trainings import small_config, small_data

from mmssod import apis
from mmssod.engine.reliability.checkpoint_files import newest_checkpoint

ITERATIONS = 14
TOY_ITERATIONS = 60
TIMEOUT = 600.0
ATTEMPTS = 20  # a run that ended before its moment came is made anew


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
    moments, resumed_from, differing = [], [], []
    for trial in range(trials):
        folder, log = root / f'killed_{trial}', root / f'{trial}.log'
        for _ in range(draw.choice([1, 2])):
            moments.append(
                kill_once(
                    lambda f=folder, w=trial % 2, text=log: start(run(f, w), text),
                    folder,
                    f'iter_{ITERATIONS}.pth',
                    lambda: draw.uniform(0, seconds),
                )
            )
            resumed_from.append(iteration_of(folder))
        _finish(run(folder, trial % 2), log)
        found = differences(root / 'whole', folder, f'iter_{ITERATIONS}.pth')
        differing += [f'{trial}: {name}' for name in found]
    return dict(
        trials=trials,
        kills=len(moments),
        iterations_a_run=ITERATIONS,
        seconds_a_run=round(seconds, 1),
        earliest_s=round(min(moments), 2),
        latest_s=round(max(moments), 2),
        resumed_from_a_checkpoint=sum(number > 0 for number in resumed_from),
        differing=differing,
        passed=not differing and len(moments) >= trials and any(resumed_from),
    )


def kill_one_of_two(root: Path, trials: int, seed: int = 1) -> dict:
    """Two gloo processes of the toy run; one is killed, the other must end by itself, both go on."""
    draw = random.Random(seed)
    last = f'iter_{TOY_ITERATIONS}.pth'
    began = time.monotonic()
    codes = [wait(pid, TIMEOUT) for pid in _run_two(root, 'two_whole')]
    seconds = time.monotonic() - began
    if codes != [0, 0]:
        raise RuntimeError(f'the run without a kill ended with {codes}, see {root}')
    resumed_from, waited, differing, others = [], [], [], []
    for trial in range(trials):
        folder, victim = root / f'two_killed_{trial}', draw.randrange(2)
        pids: list[int] = []

        def begin(name: str = folder.name, who: int = victim, running: list = pids) -> int:
            while running:  # of an attempt that ended before
                wait(running.pop(), TIMEOUT)
            running += _run_two(root, name)
            return running.pop(who)

        kill_once(begin, folder, last, lambda: draw.uniform(0.2, 0.9) * seconds)
        resumed_from.append(iteration_of(folder))
        began = time.monotonic()
        others.append(wait(pids[0], TIMEOUT))
        waited.append(time.monotonic() - began)
        if [wait(pid, TIMEOUT) for pid in _run_two(root, folder.name)] != [0, 0]:
            differing.append(f'{trial}: did not finish')
            continue
        found = differences(root / 'two_whole', folder, last)
        differing += [f'{trial}: {name}' for name in found]
    return dict(
        trials=trials,
        kills=trials,
        iterations_a_run=TOY_ITERATIONS,
        exit_codes_of_the_other=others,
        longest_wait_of_the_other_s=round(max(waited), 1),
        resumed_from_iterations=resumed_from,
        differing=differing,
        passed=not differing and all(others) and (trials < 4 or any(resumed_from)),
    )


def _run_two(root: Path, name: str) -> list[int]:
    cfg = toy_config(root / name, max_iters=TOY_ITERATIONS)
    cfg.default_hooks.checkpoint.update(interval=5, max_keep_ckpts=2)
    cfg.env_cfg.dist_cfg = dict(backend='gloo', timeout=60)
    return start_two(
        lambda: apis.train(cfg, launcher='pytorch', resume='auto'), root / f'{name}.log'
    )


def _finish(action, log: Path) -> float:
    began = time.monotonic()
    code = wait(start(action, log))
    if code:
        raise RuntimeError(f'a run that nobody killed ended with {code}: {log.read_text()[-3000:]}')
    return time.monotonic() - began


def kill_once(
    begin: Callable[[], int], folder: Path, last: str, moment: Callable[[], float]
) -> float:
    """Kill a process that ``begin`` starts after a random time, before its run has the checkpoint ``last``.

    Returns:
        The seconds after which it was killed.

    Raises:
        RuntimeError: it ended before its moment, ``ATTEMPTS`` times.
    """
    for _ in range(ATTEMPTS):
        seconds = moment()
        pid = begin()
        time.sleep(seconds)
        kill(pid)
        if wait(pid) < 0 and not (folder / last).exists():
            return seconds
        shutil.rmtree(folder, ignore_errors=True)
    raise RuntimeError(f'{ATTEMPTS} runs ended before they were killed, see {folder}')


def iteration_of(folder: Path) -> int:
    """Of the checkpoint that the run will go on from; 0 for none."""
    newest = newest_checkpoint(str(folder))
    return int(Path(newest).stem.split('_')[1]) if newest else 0
