"""LabelMatch on all of COCO train2017 and unlabeled2017, from the detector of configs/supervised/coco_full_1x.py.

Its repository has this config and no figure for it; not run here: needs COCO and 8 GPUs. 32 + 32 images, 540k
iterations, the learning rate 0.004.

    tools/dist_train.sh configs/labelmatch/coco_full.py 8
"""

_base_ = ['../_base_/semi_coco_full.py', '../_base_/labelmatch.py']

work_dir = 'work_dirs/labelmatch_coco_full'
train_cfg = dict(max_iters=540000, val_interval=10000)
optim_wrapper = dict(optimizer=dict(lr=0.004))
auto_scale_lr = dict(base_batch_size=64)  # 8 GPUs x (4 labeled + 4 unlabeled)

model = _base_.labelmatch
train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    sampler=dict(counts=dict(labeled=4, unlabeled=4)),
    dataset=_base_.labelmatch_views,
)
default_hooks = _base_.labelmatch_hooks
load_from = 'work_dirs/coco_full_1x/iter_180000.pth'
