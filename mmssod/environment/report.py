"""Versions and hardware as text, to be stored with measured results."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from mmssod.environment.check import Installation, installed_stack, version
from mmssod.environment.stacks import OPENCV
from mmssod.version import __version__

_PROJECT = Path(__file__).resolve().parents[2]


def collect() -> dict[str, str]:
    """Versions and hardware of the running process.

    Returns:
        name -> value, both readable text, in the order to print; ``'none'`` stands for what is
        absent. The keys are the same on every machine.
    """
    # torch is imported here so that the check, which runs first, can speak before it.
    import numpy as np
    import torch

    from mmssod.ops import status

    installation = Installation.current()
    stack = installed_stack(installation)
    return {
        'mmssod': __version__,
        'commit': _commit(),
        'python': platform.python_version(),
        'system': f'{platform.system()} {platform.machine()}',
        'torch': torch.__version__,
        'torchvision': installation.versions.get('torchvision', 'none'),
        'mm stack': stack.name if stack else 'unknown',
        **{module: _owners(installation, module) for module in ('mmengine', 'mmcv', 'mmdet')},
        'mmcv operators': status(),
        'numpy': np.__version__,
        'opencv': next(filter(None, map(version, OPENCV)), 'none'),
        **{name: version(name) or 'none' for name in ('pycocotools', 'faster-coco-eval')},
        'cpu': _cpu_model(),
        'cores': str(_usable_cores()),
        'threads': str(torch.get_num_threads()),
        'memory': _memory(),
        **_gpu(),
    }


def format_report(facts: dict[str, str]) -> str:
    """``facts`` as aligned lines ``name  value``."""
    width = max(map(len, facts), default=0)
    return '\n'.join(f'{name:<{width}}  {value}' for name, value in facts.items())


def _owners(installation: Installation, module: str) -> str:
    owners = installation.owners.get(module, ())
    return ', '.join(f'{installation.versions[name]} ({name})' for name in owners) or 'none'


def _cpu_model() -> str:
    """The model's name; platform.processor() is empty on most Linux systems."""
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(':')[2].strip() for line in lines if line.startswith('model name'))
    return next(names, '') or platform.processor() or platform.machine() or 'unknown'


def _usable_cores() -> int:
    """Cores this process may run on; a container or batch job has fewer than the machine."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> str:
    """Main memory in GiB."""
    try:
        size = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    except (AttributeError, OSError, ValueError):
        return 'unknown'
    return f'{size / 2**30:.0f} GiB'


def _gpu() -> dict[str, str]:
    import torch

    if not torch.cuda.is_available():
        return {'gpu': 'none', 'cuda': 'none', 'cudnn': 'none'}
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    counted = ', '.join(f'{names.count(name)} x {name}' for name in dict.fromkeys(names))
    return {
        'gpu': counted,
        'cuda': str(torch.version.cuda),
        'cudnn': str(torch.backends.cudnn.version()),
    }


def _commit() -> str:
    """The revision of the clone that mmssod runs from, ``-dirty`` with changes.

    ``'none'`` where mmssod runs from no clone.
    """
    if not (_PROJECT / '.git').exists():
        return 'none'
    command = ['git', '-C', str(_PROJECT), 'describe', '--always', '--dirty', '--exclude', '*']
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return 'none'
    return result.stdout.strip()
