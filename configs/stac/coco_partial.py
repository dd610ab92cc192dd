"""STAC on 1, 2, 5 or 10 % of COCO: Table 2, row "STAC". The teacher is teacher_coco_partial.py.

As the paper prints it: 13.97 / 18.25 / 24.38 / 28.64 AP; not run here: needs COCO and 8 GPUs. The student starts from
ImageNet and not from the teacher. RoI batch: 64, as the first commit of the public code; a later one has 1024.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/stac/coco_partial.py 8
"""

_base_ = ['../_base_/semi_coco_partial.py', '../_base_/stac.py']

run = '{{$FOLD:1}}@{{$PERCENT:2}}'
work_dir = f'work_dirs/stac_coco_partial_{run}'
train_cfg = dict(max_iters=180000, val_interval=5000)
optim_wrapper = dict(optimizer=_base_.stac_optimizer)
param_scheduler = [_base_.warm_up, _base_.param_scheduler[1]]
auto_scale_lr = dict(base_batch_size=16)

teacher = f'work_dirs/stac_teacher_coco_partial_{run}/iter_180000.pth'
model = dict(detector=_base_.stac_detector, labeler=dict(checkpoint=teacher), **_base_.stac)
views = dict(
    type='MultiBranch',
    branch_field=_base_.branches,
    weak=dict(type='Steps', resize=_base_.file_size, pack=_base_.pack),
    strong=dict(type='Steps', resize=_base_.short_edge, **_base_.stac_steps, pack=_base_.pack),
)
unlabeled = dict(_delete_=True, load=_base_.labeled_steps.load, views=views)
train_dataloader = dict(
    dataset=dict(
        labeled=dict(pipeline=dict(resize=dict(_delete_=True, **_base_.short_edge))),
        unlabeled=dict(pipeline=unlabeled),
    )
)
