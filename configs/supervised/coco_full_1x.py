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

train_cfg = dict(max_iters=180000, val_interval=20000)
