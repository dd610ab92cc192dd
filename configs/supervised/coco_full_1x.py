"""Supervised on all of COCO train2017: Table 1a, row "Supervised", 1x schedule.

Paper: 37.9 AP; not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/supervised/coco_full_1x.py 4
"""

_base_ = [
    '../_base_/models/faster_rcnn_r50_fpn.py',
    '../_base_/datasets/coco_full.py',
    '../_base_/sgd.py',
    '../_base_/default_runtime.py',
]

max_iters = 180000
train_cfg = dict(max_iters=max_iters, val_interval=20000)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=1000),
    dict(
        type='MultiStepLR',
        by_epoch=False,
        milestones=[max_iters * 2 // 3, max_iters * 8 // 9],
        gamma=0.1,
    ),
]
