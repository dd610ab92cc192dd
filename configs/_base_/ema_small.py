"""A student with an EMA teacher for small sets and detectors that start from COCO; the other slots as in semi.py.

The burn-in, iterations on labeled images alone, is written by who knows the length: in `ema_teacher.burn_in` and in
`sampler.start`. The teacher is the mean of the last hundred or so students, since these runs are short.
"""

_base_ = './semi.py'

semi = dict(
    labeler=dict(_delete_=True, type='EMATeacher'),
    balancer=dict(threshold=0.4),
    joint_features=True,  # batch norm is fixed
    predict_with='teacher',
)
semi_hooks = dict(ema_teacher=dict(type='EMATeacherHook', ema_decay=0.99, ramp=True))
