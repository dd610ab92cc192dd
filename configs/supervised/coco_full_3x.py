"""Supervised on all of COCO train2017, 3x schedule. The paper prints no figure for it.

tools/dist_train.sh configs/supervised/coco_full_3x.py 4
"""

_base_ = './coco_full_1x.py'

train_cfg = dict(max_iters=540000)
