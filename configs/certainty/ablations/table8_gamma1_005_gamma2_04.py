"""Table 8: gamma_1 = 0.05, gamma_2 = 0.4.

Paper: 22.2 AP, 36.6 AP50, 23.2 AP75; not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/certainty/ablations/table8_gamma1_005_gamma2_04.py 4
"""

_base_ = './base.py'

work_dir = 'work_dirs/table8_gamma1_005_gamma2_04_{{$FOLD:1}}@2'
model = dict(balancer=dict(weight_power=0.4))
