"""The paper's teacher on all of COCO train2017, 3x schedule.

tools/dist_train.sh configs/certainty/teacher_coco_full_3x.py 4
"""

_base_ = './teacher_coco_full_1x.py'

train_cfg = dict(max_iters=540000)
