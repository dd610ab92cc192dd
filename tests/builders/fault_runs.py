"""Training runs in processes that can be killed, and the comparison of how they end."""

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook

import builders.quick_runs  # noqa: F401

PORTS = iter(random.SystemRandom().sample(range(20_000, 32_000), 1000))


@HOOKS.register_module()
class Told(Hook):
    """SIGTERM for one process of several in an iteration."""

    def __init__(self, iteration: int, rank: int):
        self.iteration, self.rank = iteration, rank

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration and runner.rank == self.rank:
            os.kill(os.getpid(), signal.SIGTERM)


def start(action: Callable[[], None], log: Path, **environment: str) -> int:
    """Run an action in a forked process of a group of its own; its id.

    The parent has imported everything and trained nothing, so a process costs milliseconds, not an import of mmdet.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setpgid(0, 0)
        os.environ.update(environment)
        with open(log, 'a') as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        torch.set_num_threads(1)
        code = code_of(action)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def code_of(action: Callable[[], None], layers: int = 4) -> int:
    """The exit code of an action, whose error goes past whoever captures ``sys.stderr``.

    torch's handler raises wherever the process is when it hears that a data worker died: here, too, so that the error
    is told by the next layer.
    """
    try:
        if layers:
            return code_of(action, layers - 1)
        action()
        return 0
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException as error:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.write(2, ''.join(traceback.format_exception(error)).encode())
        return 1


def start_two(action: Callable[[], None], log: Path) -> list[int]:
    """As ``start``, two processes of one group that talk by gloo; ``log`` gets ``_0`` and ``_1`` behind its stem."""
    port = str(next(PORTS))
    return [
        start(
            action,
            log.with_name(f'{log.stem}_{rank}{log.suffix}'),
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            WORLD_SIZE='2',
            MASTER_ADDR='127.0.0.1',
            MASTER_PORT=port,
        )
        for rank in (0, 1)
    ]


def kill(pid: int) -> None:
    """SIGKILL for a process that ``start`` made; its data workers find themselves alone and end."""
    os.kill(pid, signal.SIGKILL)


def wait(pid: int, seconds: float = 1800.0) -> int:
    """Exit code of a process, negative for a signal.

    Raises:
        TimeoutError: it still runs; it is killed.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    kill(pid)
    os.waitpid(pid, 0)
    raise TimeoutError(f'process {pid} still ran after {seconds:.0f} s')


def differences(one: Path, other: Path, name: str) -> list[str]:
    """What differs between the checkpoints ``name`` of two runs: weights, buffers, optimizer, schedule, balance."""
    first, second = (torch.load(folder / name, weights_only=False) for folder in (one, other))
    found = _compare('state_dict', first['state_dict'], second['state_dict'])
    found += _compare('optimizer', first['optimizer'], second['optimizer'])
    found += _compare('param_schedulers', first['param_schedulers'], second['param_schedulers'])
    texts = [(folder / 'class_balance.jsonl').read_bytes() for folder in (one, other)]
    return found + ([] if texts[0] == texts[1] else ['class_balance.jsonl'])


def _compare(where: str, one, other) -> list[str]:
    if torch.is_tensor(one):
        same = one.dtype == other.dtype and torch.equal(one, other)
    elif isinstance(one, dict):
        if one.keys() != other.keys():
            return [where]
        return [text for key in one for text in _compare(f'{where}.{key}', one[key], other[key])]
    elif isinstance(one, (list, tuple)):
        if len(one) != len(other):
            return [where]
        pairs = enumerate(zip(one, other, strict=True))
        return [text for place, pair in pairs for text in _compare(f'{where}[{place}]', *pair)]
    else:
        same = one == other
    return [] if same else [where]
