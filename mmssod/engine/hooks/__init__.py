"""Hooks decide when something happens in a run; the modules they call implement it."""

from mmssod.engine.hooks.class_balance_hook import ClassBalanceHook
from mmssod.engine.hooks.ema_teacher_hook import EMATeacherHook
from mmssod.engine.hooks.evaluation_line_hook import EvaluationLineHook
from mmssod.engine.hooks.freeze_batch_norm_hook import FreezeBatchNormHook
from mmssod.engine.hooks.preflight_hook import PreflightHook
from mmssod.engine.hooks.progress_hook import ProgressHook
from mmssod.engine.hooks.pseudo_label_hook import PseudoLabelHook
from mmssod.engine.hooks.speed_hook import SpeedHook
from mmssod.engine.hooks.stop_early_hook import StopEarlyHook
from mmssod.engine.reliability.buffer_broadcast_hook import BufferBroadcastHook
from mmssod.engine.reliability.non_finite_guard_hook import NonFiniteGuardHook
from mmssod.engine.reliability.preemption_hook import PreemptionHook
from mmssod.engine.reliability.resume import DueEvaluationHook, FastResumeHook, SeedHook
from mmssod.engine.reliability.short_history_hook import ShortHistoryHook
from mmssod.engine.reliability.skipped_images_hook import SkippedImagesHook
from mmssod.engine.reliability.whole_checkpoint_hook import WholeCheckpointHook

__all__ = [
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
    'ShortHistoryHook',
    'SkippedImagesHook',
    'StopEarlyHook',
    'WholeCheckpointHook',
]
