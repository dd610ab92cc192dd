"""A mean teacher over DINO: boxes of p above 0.4, four times the weight of labels, after a burn-in."""

_base_ = ['./semi.py', './adamw_dino.py']

semi = dict(
    labeler=dict(_delete_=True, type='EMATeacher'),
    balancer=dict(threshold=0.4),
    unsup_weight=4.0,
    predict_with='teacher',
)
semi_hooks = dict(ema_teacher=dict(type='EMATeacherHook', ema_decay=0.999, burn_in=2000, ramp=True))
