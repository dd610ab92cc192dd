"""What happens around the training step: hooks, schedules and the checks before training."""

from mmssod.engine.both_loops import BothTestLoop, BothValLoop
from mmssod.engine.hooks import (
    BufferBroadcastHook,
    ClassBalanceHook,
    DueEvaluationHook,
    EMATeacherHook,
    EvaluationLineHook,
    FastResumeHook,
    FreezeBatchNormHook,
    NonFiniteGuardHook,
    PreemptionHook,
    PreflightHook,
    ProgressHook,
    PseudoLabelHook,
    SeedHook,
    SkippedImagesHook,
    SpeedHook,
    StopEarlyHook,
    WholeCheckpointHook,
)
from mmssod.engine.schedulers import ShareStepLR

__all__ = [
    'BothTestLoop',
    'BothValLoop',
    'BufferBroadcastHook',
    'ClassBalanceHook',
    'DueEvaluationHook',
    'EMATeacherHook',
    'EvaluationLineHook',
    'FastResumeHook',
    'FreezeBatchNormHook',
    'NonFiniteGuardHook',
    'PreemptionHook',
    'PreflightHook',
    'ProgressHook',
    'PseudoLabelHook',
    'SeedHook',
    'SpeedHook',
    'ShareStepLR',
    'SkippedImagesHook',
    'StopEarlyHook',
    'WholeCheckpointHook',
]
