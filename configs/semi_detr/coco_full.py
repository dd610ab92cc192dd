"""Semi-DETR on all of COCO train2017 and unlabeled2017.

The paper reports 50.5 AP. Not run here: needs COCO and 8 GPUs. Values are those of the public code: 4 + 4 images per
GPU, 240k iterations, the rate falls at 120k and 160k, pseudo labels count twice.

    tools/dist_train.sh configs/semi_detr/coco_full.py 8
"""

_base_ = [
    '../_base_/models/dino_r50_hybrid.py',
    '../_base_/datasets/coco_full_semi_detr.py',
    '../_base_/default_runtime.py',
    '../_base_/semi_detr.py',
]

work_dir = 'work_dirs/semi_detr_coco_full'
train_cfg = dict(max_iters=240000, val_interval=4000)
param_scheduler = [dict(type='ShareStepLR', shares=(1 / 2, 2 / 3), gamma=0.1, by_epoch=False)]

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
model.update(unsup_weight=2.0)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(enable=False, base_batch_size=64)  # 8 GPUs x (4 labeled + 4 unlabeled)
