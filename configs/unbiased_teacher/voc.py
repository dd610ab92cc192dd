"""Unbiased Teacher on VOC: Table 1b, row "Unbiased Teacher" (multi-scale).

As the paper prints it: 77.4 AP50, 48.7 AP; not run here: needs VOC and 8 GPUs. From the public code: 16 labeled and 16
unlabeled images, short edge 480 to 800 in training and 600 in tests, lambda_u 2, a teacher that keeps 0.999, burn-in
30k. Tests begin with the burn-in's end, when the teacher knows something.

    tools/dist_train.sh configs/unbiased_teacher/voc.py 8
"""

_base_ = ['../_base_/semi_voc.py', '../_base_/unbiased_teacher.py']

train_cfg = dict(max_iters=180000, val_interval=5000, val_begin=30000)
param_scheduler = _base_.constant_rate
auto_scale_lr = dict(base_batch_size=32)

model = dict(_base_.unbiased_teacher, unsup_weight=2.0)
resize = dict(_base_.short_edges, scales=[(1333, side) for side in range(480, 801, 32)])
train_dataloader = dict(
    batch_size=4,
    sampler=dict(counts=dict(labeled=2, unlabeled=2)),
    dataset=dict(
        labeled=dict(pipeline=dict(resize=resize, branch=_base_.labeled_branches)),
        unlabeled=dict(pipeline=dict(resize=resize, views=dict(branch_field=_base_.all_branches))),
    ),
)
default_hooks = dict(ema_teacher=dict(type='EMATeacherHook', ema_decay=0.999, burn_in=30000))
