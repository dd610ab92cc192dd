"""Runs training or tests in several processes, on GPUs or on CPU.

mmengine starts process groups for accelerators only: on a CPU its launcher asks CUDA for a device,
and its model wrapper names one. Here the group is made beforehand, with gloo, and the wrapper is
told that there are no devices. It is also made beforehand where torchrun has started the processes
again: they must not read the addresses of those that died.
"""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.device import get_device

from mmssod.environment.errors import InputError

_SLURM = {'RANK': 'SLURM_PROCID', 'WORLD_SIZE': 'SLURM_NTASKS', 'LOCAL_RANK': 'SLURM_LOCALID'}
_MPI = {
    'RANK': 'OMPI_COMM_WORLD_RANK',
    'WORLD_SIZE': 'OMPI_COMM_WORLD_SIZE',
    'LOCAL_RANK': 'OMPI_COMM_WORLD_LOCAL_RANK',
}


@contextmanager
def process_group(cfg: Config) -> Iterator[None]:
    """Make the process group that ``cfg.launcher`` asks for, and close it in the end.

    What ran inside must be out of reach at the end: call a function there.

    Args:
        cfg: changed in place when there is no accelerator: the backend becomes gloo, the wrapper
            gets no device.
    """
    if cfg.get('launcher', 'none') != 'none' and get_device() == 'cpu':
        _prepare_cpu(cfg)
    elif _attempt(cfg) and get_device() == 'cuda' and not dist.is_initialized():
        options = cfg.get('env_cfg', {}).get('dist_cfg', {})
        torch.cuda.set_device(int(os.environ['LOCAL_RANK']))
        _start(options.get('backend', 'nccl'), options, _attempt(cfg))
    yield
    # Not after an error: other processes may be stuck in a collective; the launcher ends them.
    if dist.is_available() and dist.is_initialized():
        gc.collect()  # a model wrapper keeps the group's threads alive, which abort at exit
        dist.barrier()
        dist.destroy_process_group()


def launched_as(launcher: str) -> tuple[int, int, int]:
    """Rank, number of processes, and rank on this machine, as the launcher says; no process group is made.

    Args:
        launcher: ``none``, ``pytorch``, ``slurm`` or ``mpi``.

    Raises:
        ValueError: The launcher has not started this process.
    """
    if launcher == 'none':
        return 0, 1, 0
    names = {'slurm': _SLURM, 'mpi': _MPI}.get(launcher) or {name: name for name in _SLURM}
    missing = [name for name in names.values() if name not in os.environ]
    if missing:
        raise InputError(
            f'launcher {launcher!r}: expected {missing} in the environment, which it sets; leave --launcher out, or '
            'start this command with it (torchrun, srun, mpirun)'
        )
    rank, number, local = (
        int(os.environ[names[name]]) for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK')
    )
    return rank, number, local


def _prepare_cpu(cfg: Config) -> None:
    env = cfg.setdefault('env_cfg', {})
    options = env.setdefault('dist_cfg', {})
    options['backend'] = 'gloo'
    wrapper = cfg.get('model_wrapper_cfg') or {
        'type': 'MMDistributedDataParallel',
        'broadcast_buffers': False,
        'find_unused_parameters': cfg.get('find_unused_parameters', False),
    }
    cfg.model_wrapper_cfg = {**wrapper, 'device_ids': None}
    if not dist.is_initialized():
        _export_ranks(cfg.launcher)
        _start('gloo', options, _attempt(cfg))


def _attempt(cfg: Config) -> int:
    """How often torchrun has started the processes again."""
    from_torchrun = cfg.get('launcher', 'none') == 'pytorch'
    return int(os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)) if from_torchrun else 0


def _start(backend: str, options: Mapping[str, Any], attempt: int) -> None:
    """Make the group; after a restart below keys of its own.

    torchrun's store outlives the processes. Without a prefix those of a new attempt may find the addresses (gloo) or
    the id (NCCL) that the dead ones left there, and fail or wait for them.
    """
    timeout = timedelta(seconds=options.get('timeout', 1800))
    if not attempt:
        dist.init_process_group(backend=backend, timeout=timeout)
        return
    store, rank, world_size = next(iter(dist.rendezvous('env://', timeout=timeout)))
    dist.init_process_group(
        backend=backend,
        timeout=timeout,
        store=dist.PrefixStore(f'attempt_{attempt}', store),
        rank=rank,
        world_size=world_size,
    )


def _export_ranks(launcher: str) -> None:
    """Put what torch reads into the environment, from what the launcher wrote there."""
    for ours, theirs in {'slurm': _SLURM, 'mpi': _MPI}.get(launcher, {}).items():
        os.environ[ours] = os.environ.get(theirs, '0')
    if launcher == 'slurm' and 'MASTER_ADDR' not in os.environ:
        nodes = os.environ.get('SLURM_NODELIST', '')
        names = subprocess.run(
            ['scontrol', 'show', 'hostnames', nodes], capture_output=True, text=True, check=True
        )
        os.environ['MASTER_ADDR'] = names.stdout.split()[0]
    os.environ.setdefault('MASTER_ADDR', '127.0.0.1')
    os.environ.setdefault('MASTER_PORT', '29500')
