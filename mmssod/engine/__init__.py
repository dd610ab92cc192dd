"""What happens around the training step: hooks and the checks before training."""

from mmssod.engine.hooks import (
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
    'ClassBalanceHook',
    'EMATeacherHook',
    'FastResumeHook',
    'NonFiniteGuardHook',
    'PreflightHook',
    'ProgressHook',
    'PseudoLabelHook',
    'SeedHook',
]
