"""Consistent-Teacher on 1, 2, 5 or 10 % of COCO.

The authors' repository reports 25.50 / 30.70 / 36.60 / 40.20 AP. Not run here: needs COCO and 8 GPUs. Values are those
of its public configs: 1 + 4 images per GPU, 180k iterations at one rate.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/consistent_teacher/coco_partial.py 8
"""

_base_ = [
    '../_base_/models/retinanet_r50_fam3d.py',
    '../_base_/datasets/coco_partial_soft_teacher.py',
    '../_base_/sgd.py',
    '../_base_/default_runtime.py',
    '../_base_/consistent_teacher.py',
]

work_dir = 'work_dirs/consistent_teacher_coco_partial_{{$FOLD:1}}@{{$PERCENT:2}}'
train_cfg = dict(max_iters=180000, val_interval=4000)
optim_wrapper = _base_.clipped
param_scheduler = _base_.constant_rate

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(base_batch_size=40)  # 8 GPUs x (1 labeled + 4 unlabeled)
