"""Consistent-Teacher (Wang et al., CVPR 2023): what its recipes have in common. Values: its public code."""

_base_ = './semi.py'

semi = dict(
    labeler=dict(_delete_=True, type='EMATeacher'),
    merger=dict(type='KeepExpected'),
    balancer=dict(type='MixtureBalancer', threshold=0.0, recent=100, least=4, tolerance=1e-3),
    unsup_weight=2.0,
    empty_images='background',
    predict_with='teacher',
)
semi_hooks = dict(ema_teacher=dict(type='EMATeacherHook', ema_decay=0.9995, burn_in=10000))
clipped = dict(clip_grad=dict(max_norm=20, norm_type=2))
constant_rate = [dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=1000)]
