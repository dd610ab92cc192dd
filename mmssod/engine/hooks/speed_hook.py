"""Sets torch options that speed up runs on some machines."""

from __future__ import annotations

import ctypes
import platform

import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.optim import Optimizer

from mmssod.engine.runner_access import bare_model

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h."""


@HOOKS.register_module()
class SpeedHook(Hook):
    """Sets memory layout and precision before anything runs, and how the optimizer steps.

    Only in configs for CPUs by default, since what they gain depends on the machine (``docs/speed.md``);
    in a config ``default_hooks = dict(speed=dict(type='SpeedHook', channels_last=True))``, on the command line
    ``--cfg-options default_hooks.speed.type=SpeedHook default_hooks.speed.channels_last=True``.

    Args:
        channels_last: Keep weights of convolutions, and so all feature maps, with channels as the last dimension in
            memory. Checkpoints are the same.
        tf32: Let float32 matrix products and convolutions on GPUs round their factors to TF32 (10 bits of mantissa).
            Off leaves torch's own setting, which is TF32 for convolutions and full precision for products.
        fused_optimizer: Update all weights in one operation, where torch has one for the optimizer and its device
            (Adam, AdamW and SGD; on CPUs since torch 2.4). Checkpoints are the same.
        keep_memory: Keep the memory of feature maps for the next step. Otherwise glibc may hand it back to the system
            in each step, which clears every page anew. For CPUs; nothing happens where there is no glibc.
    """

    priority = 'VERY_HIGH'

    def __init__(
        self,
        channels_last: bool = False,
        tf32: bool = False,
        fused_optimizer: bool = False,
        keep_memory: bool = False,
    ) -> None:
        self.channels_last = channels_last
        self.tf32 = tf32
        self.fused_optimizer = fused_optimizer
        self.keep_memory = keep_memory

    def before_run(self, runner: Runner) -> None:
        """Set precision, layout and memory; also before a test."""
        if self.keep_memory:
            keep_memory()
        if self.tf32:
            torch.set_float32_matmul_precision('high')
            torch.backends.cudnn.allow_tf32 = True
        if self.channels_last:
            bare_model(runner).to(memory_format=torch.channels_last)

    def before_train(self, runner: Runner) -> None:
        """Fuse the optimizer's step, after a resume has loaded its state."""
        optimizer = getattr(runner.optim_wrapper, 'optimizer', None)
        if self.fused_optimizer and optimizer is not None and can_fuse(optimizer):
            fuse(optimizer)


def keep_memory() -> bool:
    """Let glibc keep what is freed in this process, in blocks of up to 32 MiB; false where there is no glibc.

    Source: mallopt(3), which names 32 MiB as the upper limit.
    """
    if platform.libc_ver()[0] != 'glibc':
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_THRESHOLD, 32 << 20) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))


def can_fuse(optimizer: Optimizer) -> bool:
    """Whether torch has a fused step for this class of optimizers on the device of its weights."""
    device = optimizer.param_groups[0]['params'][0].device
    weight = torch.zeros(1, device=device, requires_grad=True)
    weight.grad = torch.zeros_like(weight)
    try:
        type(optimizer)([weight], lr=0.0, fused=True).step()  # type: ignore[call-arg]
    except (TypeError, RuntimeError):
        return False
    return True


def fuse(optimizer: Optimizer) -> None:
    """Let an optimizer update all weights in one operation, in place.

    That operation takes a weight's moments for laid out in memory as the weight is, and those of a checkpoint may not
    be: a run may have been without ``channels_last`` before.
    """
    for group in optimizer.param_groups:
        group.update(fused=True, foreach=False)
    for weight, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, torch.Tensor) and value.shape == weight.shape:
                state[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)
