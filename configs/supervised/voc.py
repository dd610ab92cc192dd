"""Supervised on VOC07 trainval: Table 1b, row "Supervised".

Paper: 76.3 AP50, 47.5 AP75, 45.3 AP; not run here: needs VOC and 4 GPUs.

    tools/dist_train.sh configs/supervised/voc.py 4
"""

_base_ = [
    '../_base_/models/faster_rcnn_r50_fpn.py',
    '../_base_/datasets/voc.py',
    '../_base_/sgd.py',
    '../_base_/default_runtime.py',
]

max_iters = 10000
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

model = dict(roi_head=dict(bbox_head=dict(num_classes=20)))
