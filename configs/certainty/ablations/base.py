"""What the paper's ablations vary: the method on 2 % of COCO, half schedule.

Paper: 22.5 AP, 37.1 AP50, 23.7 AP75 (last row of Tables 5 and 6, K = 30 of Table 7, gamma 0.05 / 0.6 of Table 8);
not run here: needs COCO and 4 GPUs. The teacher is teacher.py.

    tools/dist_train.sh configs/certainty/ablations/base.py 4
"""

_base_ = '../student_coco_partial.py'

assert '{{$PERCENT:2}}' == '2', 'the ablations use 2 % of COCO: unset PERCENT, or set it to 2'
work_dir = 'work_dirs/ablation_base_{{$FOLD:1}}@2'
train_cfg = dict(max_iters=90000)
