"""Beyond the paper: ema_coco_partial.py at demo scale, from the demo's teacher.

Another value for scale: after 400 iterations a teacher that keeps 0.9996 would still be 85 % what it started as, so it
keeps 0.99.

    tools/train.py configs/certainty/beyond/demo_ema.py
"""

_base_ = '../../demo/student.py'

work_dir = 'work_dirs/demo_ema'
model = dict(labeler=dict(type='EMATeacher'), predict_with='teacher')
default_hooks = dict(ema_teacher=dict(type='EMATeacherHook', ema_decay=0.99, burn_in=0))
