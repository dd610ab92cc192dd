"""Unbiased Teacher at demo scale.

Other values than the method's, for scale: the burn-in takes 400 of 800 iterations, since it is all that the teacher
learns before its first label (in other demos a teacher trains for 400 iterations and a student for 400); the teacher
keeps 0.99, since with 0.9996 it would be 85 % the burn-in's student to the end; short edges are a fifth; batch and
optimizer are the demo's.

    tools/train.py configs/unbiased_teacher/demo.py
"""

_base_ = ['../demo/student_plain.py', '../_base_/unbiased_teacher.py']

work_dir = 'work_dirs/unbiased_teacher_demo'
load_from = None
train_cfg = dict(max_iters=800, val_interval=800)
param_scheduler = [dict(_base_.constant_rate[0], end=100)]

model = _base_.unbiased_teacher
model['detector'].update(test_cfg=dict(rpn=dict(nms_pre=250, max_per_img=100)))  # as its student
resize = dict(_base_.short_edges, scales=[(267, side) for side in (128, 134, 141, 147, 154, 160)])
train_dataloader = dict(
    dataset=dict(
        labeled=dict(pipeline=dict(resize=resize, branch=_base_.labeled_branches)),
        unlabeled=dict(pipeline=dict(resize=resize, views=dict(branch_field=_base_.all_branches))),
    ),
)
default_hooks = dict(ema_teacher=dict(type='EMATeacherHook', ema_decay=0.99, burn_in=400))
