"""What happens around the training step: hooks and the checks before training."""

from mmssod.engine.hooks import (
    BufferBroadcastHook,
    ClassBalanceHook,
    EMATeacherHook,
    FastResumeHook,
    NonFiniteGuardHook,
    PreflightHook,
    ProgressHook,
    PseudoLabelHook,
    SeedHook,
)

__all__ = [
    'BufferBroadcastHook',
    'ClassBalanceHook',
    'EMATeacherHook',
    'FastResumeHook',
    'NonFiniteGuardHook',
    'PreflightHook',
    'ProgressHook',
    'PseudoLabelHook',
    'SeedHook',
]
