"""What the paper's ablations vary: the method on 2 % of COCO, half schedule.

Paper: 22.5 AP, 37.1 AP50, 23.7 AP75 (last row of Tables 5 and 6, K = 30 of Table 7, gamma 0.05 / 0.6 of Table 8);
not run here: needs COCO and 4 GPUs. The teacher is configs/certainty/teacher_coco_partial.py with PERCENT=2.

    tools/dist_train.sh configs/certainty/ablations/base.py 4
"""

_base_ = '../student_coco_partial.py'

train_cfg = dict(max_iters=90000)
