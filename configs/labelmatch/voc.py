"""LabelMatch on VOC: 07 trainval labeled, 12 trainval unlabeled, from the detector of configs/supervised/voc.py.

The authors' repository reports 84.8 AP50 and 54.7 AP at 8 + 8 images and 80k iterations, which is what this is; not run
here: needs VOC and 2 GPUs. Rate by its rule, 0.01 for 32 labeled images.

    tools/dist_train.sh configs/labelmatch/voc.py 2
"""

_base_ = ['../_base_/semi_voc.py', '../_base_/labelmatch.py']

work_dir = 'work_dirs/labelmatch_voc'
train_cfg = dict(max_iters=80000, val_interval=2000)
optim_wrapper = dict(optimizer=dict(lr=0.0025))
param_scheduler = _base_.constant_rate
auto_scale_lr = dict(base_batch_size=16)  # 2 GPUs x (4 labeled + 4 unlabeled)

model = _base_.labelmatch
train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    sampler=dict(counts=dict(labeled=4, unlabeled=4)),
    dataset=_base_.labelmatch_views,
)
default_hooks = _base_.labelmatch_hooks
load_from = 'work_dirs/voc/iter_10000.pth'
