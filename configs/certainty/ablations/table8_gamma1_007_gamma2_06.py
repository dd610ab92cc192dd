"""Table 8: gamma_1 = 0.07, gamma_2 = 0.6.

Paper: 22.3 AP, 36.7 AP50, 23.3 AP75; not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/certainty/ablations/table8_gamma1_007_gamma2_06.py 4
"""

_base_ = './base.py'

work_dir = 'work_dirs/table8_gamma1_007_gamma2_06_{{$FOLD:1}}@2'
model = dict(balancer=dict(threshold_power=0.07))
