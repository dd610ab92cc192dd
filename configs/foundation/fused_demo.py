"""The demo's plain student with labels of another detector, fused with those of an EMA teacher.

tools/train.py configs/foundation/fused_demo.py --load-from work_dirs/demo/teacher_plain/iter_400.pth
"""

_base_ = '../demo/student_plain.py'

work_dir = 'work_dirs/demo/foundation_fused'
model = dict(
    labeler=dict(
        type='FusedTeacher',
        detections=dict(file='work_dirs/demo/detections.json', classes=_base_.classes),
    )
)
default_hooks = dict(ema_teacher=dict(type='EMATeacherHook', ema_decay=0.99))
