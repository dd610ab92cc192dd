"""Unbiased Teacher on 1, 2, 5 or 10 % of COCO: Table 2, row "Unbiased Teacher".

As the paper prints it, at its own budget of 8 images: 17.84 / 21.98 / 26.30 / 29.64 AP; not run here: needs COCO and 8
GPUs. From the public code: 32 labeled and 32 unlabeled images, 180k iterations at one rate; the teacher is tested.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/unbiased_teacher/coco_partial.py 8
"""

_base_ = ['../_base_/semi_coco_partial.py', '../_base_/unbiased_teacher.py']

work_dir = 'work_dirs/unbiased_teacher_coco_partial_{{$FOLD:1}}@{{$PERCENT:2}}'
train_cfg = dict(max_iters=180000, val_interval=5000)
param_scheduler = _base_.constant_rate
auto_scale_lr = dict(base_batch_size=64)

model = _base_.unbiased_teacher
train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    sampler=dict(counts=dict(labeled=4, unlabeled=4)),
    dataset=dict(
        labeled=dict(pipeline=dict(resize=_base_.short_edges, branch=_base_.labeled_branches)),
        unlabeled=dict(
            pipeline=dict(resize=_base_.short_edges, views=dict(branch_field=_base_.all_branches))
        ),
    ),
)
default_hooks = dict(ema_teacher=dict(type='EMATeacherHook', ema_decay=0.9996, burn_in=2000))
