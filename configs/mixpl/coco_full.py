"""MixPL with Faster R-CNN on all of COCO train2017 and unlabeled2017.

The paper reports 46.20 AP. Not run here: needs COCO and 8 GPUs. A batch of 4 + 4 images is that of the public code's
data config; it has no config for COCO-full, so the schedule is ours, Soft Teacher's.

    tools/dist_train.sh configs/mixpl/coco_full.py 8
"""

_base_ = [
    '../_base_/models/faster_rcnn_r50_fpn.py',
    '../_base_/datasets/coco_full_mixpl.py',
    '../_base_/sgd.py',
    '../_base_/default_runtime.py',
    '../_base_/mixpl.py',
]

work_dir = 'work_dirs/mixpl_coco_full'
train_cfg = dict(max_iters=720000, val_interval=20000)
optim_wrapper = dict(clip_grad=dict(max_norm=20.0))
param_scheduler = _base_.warm_up_500

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(base_batch_size=64)  # 8 GPUs x (4 labeled + 4 unlabeled)
