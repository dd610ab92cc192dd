"""MixPL: a mean teacher without burn-in; mixup with remembered views, a mosaic of four, erased patches.

Values: its public code, which updates the teacher every third iteration. `balancer.threshold` is Faster R-CNN's.
"""

_base_ = './semi.py'

semi = dict(
    type='MixPLDetector',
    labeler=dict(_delete_=True, type='EMATeacher'),
    balancer=dict(threshold=0.7),
    memory_size=8,
    mosaic_weight=0.5,
    mosaic_sizes=(400, 800),
    patches=(1, 19),
    patch_size=(0.0, 0.1),
    max_erased=0.7,
    unsup_weight=2.0,
    empty_images='background',
    predict_with='teacher',
)
semi_hooks = dict(
    ema_teacher=dict(type='EMATeacherHook', ema_decay=0.9998, burn_in=0, interval=3, ramp=True),
    view_memory=dict(type='ViewMemoryHook'),
)
warm_up_500 = [dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500)]
