"""Semi-DETR: a mean teacher without burn-in, two stages of matching, queries that agree. Values: its public code."""

_base_ = ['./semi.py', './adamw_dino.py']

semi = dict(
    type='SemiDETRDetector',
    labeler=dict(_delete_=True, type='QueryTeacher'),
    balancer=dict(threshold=0.4),
    consistency_weight=10.0,
    strides=(8, 16, 32, 64),
    unsup_weight=4.0,
    empty_images='background',
    predict_with='student',
)
semi_hooks = dict(
    ema_teacher=dict(type='EMATeacherHook', ema_decay=0.999, burn_in=0, ramp=True),
    matching_stage=dict(type='MatchingStageHook', first=0.5),
)
