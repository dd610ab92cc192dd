"""LabelMatch on 1, 2, 5 or 10 % of COCO, from the detector that configs/supervised/coco_partial.py trains.

The authors' repository reports 25.81 / - / 32.70 / 35.49 AP; not run here: needs COCO and 8 GPUs. As its config: 16 +
16 images, 160k iterations at one rate.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/labelmatch/coco_partial.py 8
"""

_base_ = ['../_base_/semi_coco_partial.py', '../_base_/labelmatch.py']

run = '{{$FOLD:1}}@{{$PERCENT:2}}'
work_dir = f'work_dirs/labelmatch_coco_partial_{run}'
train_cfg = dict(max_iters=160000, val_interval=4000)
param_scheduler = _base_.constant_rate
auto_scale_lr = dict(base_batch_size=32)  # 8 GPUs x (2 labeled + 2 unlabeled)

model = _base_.labelmatch
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    sampler=dict(counts=dict(labeled=2, unlabeled=2)),
    dataset=_base_.labelmatch_views,
)
default_hooks = _base_.labelmatch_hooks
load_from = f'work_dirs/supervised_coco_partial_{run}/iter_{_base_.teacher_iterations}.pth'
