"""Peak memory of training steps, each measured in a fresh process, since a process may keep memory it once used.

A module that is run: ``python -m speed_ratios.bank_memory KIND FOLDER LABELED SIZE DEVICE``.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import torch
from mmengine.registry import DefaultScope

from speed_ratios.bank import STEPS, begun
from speed_ratios.rows import Measured, Row, Setting
from speed_ratios.steps import Images

STATUS = Path('/proc/self/status')
STEPS_TAKEN = 3  # the first also makes buffers


def memory(setting: Setting) -> Measured:
    """Steps with the bank, and supervised ones, in a fresh process a round, each first in every other round.

    On a GPU the ratio is one of what torch allocated at most; on a CPU one of what the process held at most beyond what
    it held before its model was built, since Python and its libraries are the same for both and would hide the rest.
    """
    kinds = ('bank', 'supervised')
    peaks: dict[str, list[float]] = {kind: [] for kind in kinds}
    before = 0.0
    with begun(setting) as (folder, images):
        for number in range(setting.rounds):
            for kind in kinds if number % 2 else kinds[::-1]:
                peak, before = in_fresh_process(kind, folder, images, setting.device)
                peaks[kind].append(peak)
    note = f'{images}, lite detector'
    if setting.device == 'cpu':
        note += f'; beside {before:.0f} MiB before a model is built'
    return Measured(peaks['bank'], peaks['supervised'], note=note, unit='MiB')


def in_fresh_process(kind: str, folder: Path, images: Images, device: str) -> tuple[float, float]:
    """Peak and start of :func:`peak_of_steps`, MiB, in a process of its own.

    Raises:
        RuntimeError: The process failed.
    """
    arguments = [kind, str(folder), str(images.labeled), str(images.size), device]
    command = [sys.executable, '-m', __spec__.name, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    if ended.returncode:
        raise RuntimeError(
            f'expected {" ".join(command)} to print two numbers, it ended with {ended.returncode}:\n{ended.stderr}'
        )
    peak, before = map(float, ended.stdout.split()[-2:])
    return peak, before


def peak_of_steps(kind: str, folder: Path, images: Images, device: str) -> tuple[float, float]:
    """What some steps need at most, and what the process held before, both in MiB."""
    before = held()
    prepare, step = STEPS[kind](folder, images, device)
    for _ in range(STEPS_TAKEN):
        prepare()
        step()
    if device != 'cpu':
        return torch.cuda.max_memory_allocated() / 2**20, before
    return most() - before, before


def held() -> float:
    """MiB that this process has in memory; its peak so far where the system does not tell."""
    return status('VmRSS') if STATUS.exists() else most()


def most() -> float:
    """MiB that this process had at most. Not ``ru_maxrss`` on Linux, which counts the process that started it, too."""
    if STATUS.exists():
        return status('VmHWM')
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == 'darwin' else 2**10)


def status(name: str) -> float:
    """A figure of this process, in MiB, as Linux tells it."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f'{name}:'))
    return int(line.split()[1]) / 2**10


def main() -> None:
    """Print peak and start of the steps that the command line names."""
    kind, folder, labeled, size, device = sys.argv[1:]
    with DefaultScope.overwrite_default_scope('mmdet'):
        figures = peak_of_steps(kind, Path(folder), Images(int(labeled), int(size)), device)
    print(*figures)


ROWS = (
    Row(
        'bank-memory',
        'peak memory with bank / supervised, same images',
        1.05,
        memory,
        quick=False,
    ),
)

if __name__ == '__main__':
    main()
