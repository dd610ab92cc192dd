"""The paper's teacher on all of COCO train2017, 1x schedule.

The paper prints no figure for teachers; not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/certainty/teacher_coco_full_1x.py 4
"""

_base_ = [
    '../_base_/models/faster_rcnn_r50_fpn_bucket.py',
    '../_base_/datasets/coco_full.py',
    '../_base_/sgd.py',
    '../_base_/default_runtime.py',
]

train_cfg = dict(max_iters=180000, val_interval=20000)
