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

train_cfg = dict(max_iters=10000, val_interval=5000)

model = dict(roi_head=dict(bbox_head=dict(num_classes=20)))
