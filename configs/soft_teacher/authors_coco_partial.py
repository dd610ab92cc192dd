"""Soft Teacher on 1, 2, 5 or 10 % of COCO as its authors ran it: coco_partial.py is mmdet's recipe of it.

They report 21.62 / - / 30.42 / 33.78 AP; not run here: needs COCO and 8 GPUs. The teacher is the mean of all students
until it keeps 0.999, numbers are half precision, the warm-up is 500 iterations, and the RPN's matches are mmdet's.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/soft_teacher/authors_coco_partial.py 8
"""

_base_ = './coco_partial.py'

work_dir = 'work_dirs/soft_teacher_authors_coco_partial_{{$FOLD:1}}@{{$PERCENT:2}}'
model = dict(
    detector=dict(
        train_cfg=dict(rpn=dict(assigner=dict(type='MaxIoUAssigner', min_pos_iou=0.3))),
    ),
    selector=dict(min_size=0.0),
)
optim_wrapper = dict(type='AmpOptimWrapper', loss_scale='dynamic')
param_scheduler = [dict(_base_.param_scheduler[0], end=500), _base_.param_scheduler[1]]
default_hooks = dict(ema_teacher=dict(ramp=True))
