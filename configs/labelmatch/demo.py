"""LabelMatch on the demo's data, from the demo's teacher.

Changed for its 400 iterations: the teacher keeps 0.99, thresholds look back on 400 images and hold from the 40th on, of
boxes of p > 0.9 there is next to none before, so 0.7; 4 + 4 images at 160 px in the demo's views.

    tools/train.py configs/labelmatch/demo.py --teacher configs/demo/teacher_plain.py
"""

_base_ = ['../demo/student_plain.py', '../_base_/labelmatch.py']

work_dir = 'work_dirs/demo/labelmatch'
model = _base_.labelmatch
model['balancer'].update(threshold=0.7, recent=400, first=40)
default_hooks = _base_.labelmatch_hooks
default_hooks['ema_teacher'].update(ema_decay=0.99)
