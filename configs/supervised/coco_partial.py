"""Supervised on 1, 2, 5 or 10 % of COCO: Table 2, row "Supervised".

Paper: 9.05 / 12.70 / 18.47 / 23.86 AP; not run here: needs COCO and 4 GPUs.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/supervised/coco_partial.py 4 \\
        --work-dir work_dirs/supervised_coco_partial_1@2
"""

_base_ = [
    '../_base_/models/faster_rcnn_r50_fpn.py',
    '../_base_/datasets/coco_partial.py',
    '../_base_/sgd.py',
    '../_base_/default_runtime.py',
]

max_iters = {'1': 6000, '2': 12000, '5': 30000, '10': 60000}['{{$PERCENT:2}}']
train_cfg = dict(max_iters=max_iters, val_interval=5000)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=1000),
    dict(
        type='MultiStepLR',
        by_epoch=False,
        milestones=[max_iters * 2 // 3, max_iters * 8 // 9],
        gamma=0.1,
    ),
]
