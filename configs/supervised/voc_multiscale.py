"""Supervised on VOC07 trainval, short side 640 to 800 in training.

The paper prints no figure for it; not run here: needs VOC and 4 GPUs.

    tools/dist_train.sh configs/supervised/voc_multiscale.py 4
"""

_base_ = [
    '../_base_/models/faster_rcnn_r50_fpn.py',
    '../_base_/datasets/voc_multiscale.py',
    '../_base_/sgd.py',
    '../_base_/default_runtime.py',
]

train_cfg = dict(max_iters=10000, val_interval=5000)

model = dict(roi_head=dict(bbox_head=dict(num_classes=20)))
