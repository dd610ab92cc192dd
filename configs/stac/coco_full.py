"""STAC on COCO-full, 3x schedule: Table 1a, row "STAC". The teacher is teacher_coco_full.py.

As the paper prints it: 39.2 AP; not run here: needs COCO and 8 GPUs. The student starts from ImageNet.

    tools/dist_train.sh configs/stac/coco_full.py 8
"""

_base_ = ['../_base_/semi_coco_full.py', '../_base_/stac.py']

work_dir = 'work_dirs/stac_coco_full'
train_cfg = dict(max_iters=540000, val_interval=20000)
optim_wrapper = dict(optimizer=_base_.stac_optimizer)
param_scheduler = [_base_.warm_up, _base_.late_steps]
auto_scale_lr = dict(base_batch_size=16)

teacher = 'work_dirs/stac_teacher_coco_full/iter_540000.pth'
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
