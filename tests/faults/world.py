"""Faults of the world: a process lost under torchrun, a data worker killed, SIGTERM, a clock that jumps."""

import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from builders.fault_runs import PORTS, differences, start, start_two, wait
from builders.toy_training import toy_config
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from torchrun_rank import MARKER, config

from mmssod import apis

ITERATIONS = 12
LONG_ITERATIONS = 150
ATTEMPTS = 20
TIMEOUT = 600.0


def torchrun_told(root: Path, iterations: int = 40, told_in: int = 27, group: bool = False) -> dict:
    """SIGTERM for torchrun's agent, twice: both processes stop after one iteration; two others go on bit by bit.

    With ``group`` it is for all of the agent's process group: the agent, both processes and their data workers.
    """
    whole, told = root / 'told_whole', root / 'told'
    if codes := _finish_two(whole, iterations):
        raise RuntimeError(f'the run that nobody told ended with {codes}, see {root}')
    log = root / 'told.log'
    with open(log, 'w') as stream:
        command = _torchrun(told, iterations, 'told', str(told_in))
        agent = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)
        _wait_for(Path(f'{told}{MARKER}'), agent)
        began = time.monotonic()
        for _ in range(2):
            (os.killpg if group else os.kill)(agent.pid, signal.SIGTERM)
            time.sleep(0.3)
        agent.wait(timeout=60)
        seconds = time.monotonic() - began
    stops = re.findall(r'told to end: stopped after iteration (\d+)', log.read_text())
    saved = (told / f'iter_{told_in + 1}.pth').exists()
    codes = _finish_two(told, iterations)
    found = codes or differences(whole, told, f'iter_{iterations}.pth')
    return dict(
        signals=2,
        stopped_after_iteration=sorted(set(map(int, stops))),
        seconds_until_the_end=round(seconds, 1),
        differing=found,
        passed=saved and set(stops) == {str(told_in + 1)} and not found,
    )


def _finish_two(folder: Path, iterations: int) -> list[str]:
    """Two processes without torchrun, which share its imports; their exit codes if they are not 0."""

    def action():
        apis.train(config(folder, iterations), launcher='pytorch', resume='auto')

    codes = [wait(pid, TIMEOUT) for pid in start_two(action, folder.with_suffix('.log'))]
    return [f'exit codes {codes}'] if any(codes) else []


def _torchrun(folder: Path, iterations: int, *fault: str) -> list[str]:
    return [
        *(sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2'),
        *('--max_restarts=2', f'--master_port={next(PORTS)}'),
        *(str(Path(__file__).parent / 'torchrun_rank.py'), str(folder), str(iterations), *fault),
    ]


def _wait_for(file: Path, process: subprocess.Popen, seconds: float = 120.0) -> None:
    """Until a process has made a file.

    Raises:
        RuntimeError: it ended before, or took longer.
    """
    end = time.monotonic() + seconds
    while not file.exists():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise RuntimeError(f'no {file} after {seconds:.0f} s, or an end with {process.poll()}')
        time.sleep(0.01)


def torchrun_restarts(root: Path, iterations: int, seed: int = 2) -> dict:
    """Two processes for so many iterations; one is killed, torchrun starts both again, and they go on."""
    kill_at = random.Random(seed).randrange(iterations // 4, 3 * iterations // 4)
    seconds = {}
    for name, fault in (('torchrun_whole', ()), ('torchrun_killed', ('killed', str(kill_at)))):
        began = time.monotonic()
        with open(root / f'{name}.log', 'w') as stream:
            command = _torchrun(root / name, iterations, *fault)
            subprocess.run(command, stdout=stream, stderr=stream, check=True, timeout=1800)
        seconds[name] = round(time.monotonic() - began, 1)
    found = differences(root / 'torchrun_whole', root / 'torchrun_killed', f'iter_{iterations}.pth')
    killed = Path(f'{root / "torchrun_killed"}{MARKER}').exists()
    lives = len([path for path in (root / 'torchrun_killed').iterdir() if path.is_dir()])
    return dict(
        iterations=iterations,
        killed_in_iteration=kill_at,
        kills=int(killed),
        lives_of_the_run=lives,
        seconds=seconds,
        differing=found,
        passed=killed and lives == 2 and not found,
    )


@HOOKS.register_module()
class WorkerKiller(Hook):
    """SIGKILL for a data worker in an iteration."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 5:
            # This process's own: a fork inherits the list of its parent's.
            ours = (p for p in multiprocessing.active_children() if p._parent_pid == os.getpid())
            os.kill(next(ours).pid, signal.SIGKILL)


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
    """A checkpoint and exit code 143, wherever in the run the signal comes; the end is that of the whole run.

    The signal is for the whole process group, data workers too, as a container's stop and a shell's ``kill -- -PGID``.
    """
    draw = random.Random(seed)
    last = f'iter_{LONG_ITERATIONS}.pth'
    loader = dict(num_workers=2, persistent_workers=True)
    seconds = _finish(root, 'term_whole', loader, LONG_ITERATIONS)
    codes, stops, differing = [], [], []
    for trial in range(trials):
        folder, log = root / f'term_{trial}', root / f'term_{trial}.log'
        for _ in range(ATTEMPTS):
            pid = start(_run(folder, loader, iterations=LONG_ITERATIONS), log)
            end = time.monotonic() + TIMEOUT
            while not (folder / 'last_checkpoint').exists() and time.monotonic() < end:
                time.sleep(0.001)
            time.sleep(draw.uniform(0, 0.5) * seconds)
            os.killpg(pid, signal.SIGTERM)
            code = wait(pid, TIMEOUT)
            if not (folder / last).exists():
                break
            shutil.rmtree(folder)  # it was done before its signal came
        codes.append(code)
        stops += _stops(folder)
        _finish(root, folder.name, loader, LONG_ITERATIONS)
        found = differences(root / 'term_whole', folder, last)
        differing += [f'{trial}: {name}' for name in found]
    return dict(
        trials=trials,
        exit_codes=codes,
        stopped_after_iterations=stops,
        of_iterations=LONG_ITERATIONS,
        differing=differing,
        passed=not differing and codes == [143] * trials and len(stops) == trials,
    )


def _stops(folder: Path) -> list[int]:
    """The iterations after which the logs of a run say that it was told to end, where such a checkpoint is there."""
    text = ''.join(log.read_text() for log in folder.glob('*/*.log'))
    found = re.findall(r'told to end: stopped after iteration (\d+)', text)
    return [int(number) for number in found if (folder / f'iter_{number}.pth').exists()]


def clock_jumps(root: Path) -> dict:
    """A wall clock that jumps by days, back and forth, changes nothing but the log."""
    _finish(root, 'clock_whole')
    counted = root / 'jumps.txt'

    def jumping():
        real, draw, jumps = time.time, random.Random(4), []

        def clock():
            days = draw.choice([-3, 0, 3])
            jumps.extend([1] if days else [])
            return real() + days * 86_400

        time.time = clock
        _run(root / 'clock_jumps', None)()
        counted.write_text(str(len(jumps)))

    code = wait(start(jumping, root / 'clock_jumps.log'), TIMEOUT)
    jumps = int(counted.read_text()) if counted.exists() else 0
    found = differences(root / 'clock_whole', root / 'clock_jumps', f'iter_{ITERATIONS}.pth')
    return dict(
        exit_code=code,
        jumps=jumps,
        differing=found,
        passed=code == 0 and jumps >= ITERATIONS and not found,
    )


def _run(folder: Path, loader: dict | None, *hooks: str, iterations: int = ITERATIONS):
    cfg = toy_config(
        folder, max_iters=iterations, loader=loader, hooks=[dict(type=name) for name in hooks]
    )
    cfg.default_hooks.checkpoint.update(interval=4, max_keep_ckpts=2)
    return lambda: apis.train(cfg, resume='auto')


def _finish(
    root: Path, name: str, loader: dict | None = None, iterations: int = ITERATIONS
) -> float:
    began = time.monotonic()
    code = wait(
        start(_run(root / name, loader, iterations=iterations), root / f'{name}.log'), TIMEOUT
    )
    if code:
        raise RuntimeError(
            f'{name} ended with {code}: {(root / f"{name}.log").read_text()[-3000:]}'
        )
    return time.monotonic() - began
