"""Soft Teacher: a mean teacher without burn-in, a choice of pseudo boxes for each loss, weighted background."""

_base_ = './semi.py'

semi = dict(
    type='SoftTeacherDetector',
    labeler=dict(type='RescoringTeacher'),
    balancer=dict(threshold=0.5),  # candidates
    rpn_threshold=0.9,
    cls_threshold=0.9,
    max_deviation=0.02,
    num_jitters=10,
    jitter_scale=0.06,
    unsup_weight=4.0,
    empty_images='background',
    predict_with='teacher',
)
semi_hooks = dict(ema_teacher=dict(type='EMATeacherHook', ema_decay=0.999, burn_in=0))
