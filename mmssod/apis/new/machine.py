"""What a training may use here: processors, memory, GPUs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Machine:
    """The resources of one process.

    Args:
        gpus: Number of GPUs.
        memory: GiB of one GPU, or of the machine's free memory where there is none.
        cores: Processor cores that this process may use.
        name: Of the GPU; ``'CPU'`` without one.
    """

    gpus: int
    memory: float
    cores: int
    name: str

    @classmethod
    def current(cls) -> Machine:
        """This machine."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
        if torch.cuda.is_available():
            first = torch.cuda.get_device_properties(0)
            gib = first.total_memory / 2**30
            return cls(torch.cuda.device_count(), gib, cores or 1, first.name)
        return cls(0, free_memory(), cores or 1, 'CPU')

    def text(self) -> str:
        """In words."""
        cores = '1 core' if self.cores == 1 else f'{self.cores} cores'
        if self.gpus:
            return f'{self.gpus} x {self.name}, {self.memory:.0f} GiB each, {cores}'
        return f'no GPU, {cores}, {self.memory:.0f} GiB free memory'


def free_memory() -> float:
    """GiB that processes may still take; 4 where the system does not say."""
    file = Path('/proc/meminfo')
    if not file.is_file():
        return 4.0
    lines = dict(line.split(':', 1) for line in file.read_text().splitlines() if ':' in line)
    return int(lines['MemAvailable'].split()[0]) / 2**20
