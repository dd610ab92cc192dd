"""Switches of torch that make a run faster on some machines."""

from __future__ import annotations

from typing import Any

import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook

from mmssod.engine.runner_access import bare_model


@HOOKS.register_module()
class SpeedHook(Hook):
    """Sets the memory layout of the model and the precision of matrix products before anything runs.

    In no config by default, since what they gain depends on the machine (``docs/speed.md`` says how it is measured);
    in a config ``default_hooks = dict(speed=dict(type='SpeedHook', channels_last=True))``, on the command line
    ``--cfg-options default_hooks.speed.type=SpeedHook default_hooks.speed.channels_last=True``.

    Args:
        channels_last: Keep weights of convolutions, and so all feature maps, with channels as the last dimension in
            memory. Checkpoints are the same.
        tf32: Let float32 matrix products and convolutions on GPUs round their factors to TF32 (10 bits of mantissa).
            Off leaves torch's own setting, which is TF32 for convolutions and full precision for products.
    """

    priority = 'VERY_HIGH'

    def __init__(self, channels_last: bool = False, tf32: bool = False) -> None:
        self.channels_last = channels_last
        self.tf32 = tf32

    def before_run(self, runner: Any) -> None:
        """Set both; also before a test."""
        if self.tf32:
            torch.set_float32_matmul_precision('high')
            torch.backends.cudnn.allow_tf32 = True
        if self.channels_last:
            bare_model(runner).to(memory_format=torch.channels_last)
