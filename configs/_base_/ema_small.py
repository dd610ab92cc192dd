"""A student with an EMA teacher for small sets: both start from a detector that was trained on the labeled images.

It starts where supervised training has ended, at a lower rate, and not from a short burn-in: an EMA teacher of a
detector that is still learning lags behind it, and longer supervised training wins. The EMA teacher,
which is evaluated, is the mean of the last two hundred students.
"""

_base_ = './semi.py'

student_share = 0.75  # iterations of the student, over those of the detector that it starts from
rate_share = 0.4  # learning rate of the student, likewise
step_cost = 2.25  # time of a step of 2 labeled and 6 unlabeled images over one of 4 labeled images alone, measured

semi = dict(
    labeler=dict(_delete_=True, type='EMATeacher'),
    balancer=dict(type='MatchingBalancer', share=0.8, threshold=0.4),
    joint_features=True,  # batch norm is fixed
    predict_with='teacher',
)
semi_hooks = dict(ema_teacher=dict(type='EMATeacherHook', ema_decay=0.995, ramp=True))
semi_rate = dict(optimizer=dict(lr=0.0005 * rate_share))
semi_schedule = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=50),
    dict(type='ShareStepLR', shares=(2 / 3, 8 / 9), gamma=0.1, by_epoch=False),
]
