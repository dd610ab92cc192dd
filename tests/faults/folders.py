"""Work directories that are copied, used again, used by two runs at once, or written while the clock goes back."""

import random
import shutil
import time
from hashlib import sha256
from pathlib import Path

from builders.fault_runs import differences, kill, start, wait
from builders.toy_training import toy_config
from kills import iteration_of, kill_once
from own_mounts import NOT_ALLOWED, mount

from mmssod import apis
from mmssod.analysis.report import read_run_folder

ITERATIONS = 60
LAST = f'iter_{ITERATIONS}.pth'
TIMEOUT = 600.0


def copied(root: Path, trials: int, seed: int = 5) -> dict:
    """A killed run's folder is copied; both go on, the copy with its own and without a touch of the original's."""
    draw = random.Random(seed)
    seconds = _finish(root, 'whole')
    differing, touched = [], []
    for trial in range(trials):
        first, copy = root / f'original_{trial}', root / f'copy_{trial}'
        _kill(root, first.name, lambda: draw.uniform(0.3, 0.9) * seconds)
        shutil.copytree(first, copy)
        note = copy / 'last_checkpoint'
        if note.exists() and trial % 2:  # as mmengine writes it
            note.write_text(str(first / note.read_text()))
        _finish(root, first.name)
        before = _digests(first)
        _finish(root, copy.name)
        touched += [trial] if _digests(first) != before else []
        for folder in (first, copy):
            found = differences(root / 'whole', folder, LAST)
            differing += [f'{folder.name}: {name}' for name in found]
    return dict(
        trials=trials,
        kills=trials,
        originals_touched=touched,
        differing=differing,
        passed=not differing and not touched,
    )


def used_again(root: Path, trials: int, seed: int = 6) -> dict:
    """A finished run's folder gets a fresh start of another seed, killed early; resumed, it ends as that seed alone."""
    draw = random.Random(seed)
    _finish(root, 'older')
    seconds = _finish(root, 'whole', seed=9, resume=False)
    begun, differing = [], []
    for trial in range(trials):
        folder = root / f'again_{trial}'
        while True:
            shutil.copytree(root / 'older', folder)
            pid = _start(root, folder.name, seed=9, resume=False)
            end = time.monotonic() + TIMEOUT
            while not (folder / 'older_checkpoints.json').exists() and time.monotonic() < end:
                time.sleep(0.001)
            time.sleep(draw.choice([0, draw.uniform(0, 0.3)]) * seconds)
            kill(pid)
            if wait(pid) < 0:
                break
            shutil.rmtree(folder)
        begun.append(iteration_of(folder))
        _finish(root, folder.name, seed=9)
        found = differences(root / 'whole', folder, LAST)
        run = read_run_folder(folder)
        if run.config.randomness.seed != 9 or run.iterations != ITERATIONS:
            found.append('the report')
        differing += [f'{trial}: {name}' for name in found]
    return dict(
        trials=trials,
        kills=trials,
        resumed_from_iterations=begun,
        differing=differing,
        passed=not differing and 0 in begun,
    )


def two_at_once(root: Path, trials: int) -> dict:
    """A second run in a folder ends at once; the first is not disturbed, and once killed holds the folder no more."""
    _finish(root, 'whole')
    codes, said, differing = [], 0, []
    for trial in range(trials):
        folder, log = root / f'shared_{trial}', root / f'second_{trial}.log'
        first = _start(root, folder.name)
        end = time.monotonic() + TIMEOUT
        while not (folder / 'last_checkpoint').exists() and time.monotonic() < end:
            time.sleep(0.001)
        codes.append(wait(start(_run(folder), log), TIMEOUT))
        said += '--work-dir' in log.read_text()
        kill(first)
        wait(first)
        _finish(root, folder.name)
        differing += [f'{trial}: {name}' for name in differences(root / 'whole', folder, LAST)]
    return dict(
        trials=trials,
        kills=trials,
        exit_codes_of_the_second=codes,
        differing=differing,
        passed=not differing and codes == [1] * trials and said == trials,
    )


def little_shared_memory(root: Path) -> dict:
    """600 KiB of /dev/shm for data workers: an error that names the fix, no hang."""
    began = time.monotonic()

    def action():
        mount('/dev/shm', '600k')
        loader = dict(num_workers=2, persistent_workers=True, timeout=5)
        apis.train(toy_config(root / 'run', max_iters=20, counts=(32, 32), loader=loader))

    code = wait(start(action, root / 'log'), 120)
    said = [line for line in (root / 'log').read_text().splitlines() if '--shm-size' in line]
    return dict(
        exit_code=code,
        said=said[-1].strip()[:160] if said else 'nothing',
        seconds=round(time.monotonic() - began, 1),
        passed=code == NOT_ALLOWED or (code == 1 and bool(said)),
    )


def clock_set_back(root: Path) -> dict:
    """The first half with a clock three days ahead, the second in time: its end, and the report of the later start."""
    _finish(root, 'whole')
    folder = root / 'back'

    def early():
        real = time.time
        time.time = lambda: real() + 3 * 86_400
        _run(folder, iterations=ITERATIONS // 2)()

    if code := wait(start(early, root / 'early.log'), TIMEOUT):
        raise RuntimeError(f'the first half ended with {code}, see {root}')
    _finish(root, folder.name)
    run = read_run_folder(folder)
    starts = sorted(path.parent.name for path in folder.glob('*/vis_data'))
    found = differences(root / 'whole', folder, LAST)
    told = (run.config.train_cfg.max_iters, run.iterations)
    return dict(
        starts=len(starts),
        report_of_iterations=told[0],
        differing=found,
        passed=len(starts) == 2 and told == (ITERATIONS, ITERATIONS) and not found,
    )


def _run(folder: Path, seed: int = 3, resume: bool = True, iterations: int = ITERATIONS):
    cfg = toy_config(folder, max_iters=iterations)
    cfg.default_hooks.checkpoint.update(interval=5, max_keep_ckpts=2)
    return lambda: apis.train(cfg, seed=seed, resume='auto' if resume else False)


def _start(root: Path, name: str, **options) -> int:
    return start(_run(root / name, **options), root / f'{name}.log')


def _kill(root: Path, name: str, moment) -> float:
    return kill_once(lambda: _start(root, name), root / name, LAST, moment)


def _finish(root: Path, name: str, **options) -> float:
    began = time.monotonic()
    if code := wait(_start(root, name, **options), TIMEOUT):
        raise RuntimeError(
            f'{name} ended with {code}: {(root / f"{name}.log").read_text()[-3000:]}'
        )
    return time.monotonic() - began


def _digests(folder: Path) -> dict[str, str]:
    """Of the checkpoints."""
    return {file.name: sha256(file.read_bytes()).hexdigest() for file in folder.glob('*.pth')}
