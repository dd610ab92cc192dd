"""MixPL with DINO on all of COCO train2017 and unlabeled2017.

The paper reports 55.2 AP. Not run here: needs COCO and 8 GPUs. A batch of 4 + 4 images is that of the public code's
data config; it has no config for COCO-full, so the schedule is ours, four times that of COCO-partial.

    tools/dist_train.sh configs/mixpl/dino_coco_full.py 8
"""

_base_ = [
    '../_base_/models/dino_r50.py',
    '../_base_/datasets/coco_full_mixpl.py',
    '../_base_/default_runtime.py',
    '../_base_/mixpl_dino.py',
]

work_dir = 'work_dirs/mixpl_dino_coco_full'
train_cfg = dict(max_iters=360000, val_interval=20000)

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(enable=False, base_batch_size=64)  # 8 GPUs x (4 labeled + 4 unlabeled)
