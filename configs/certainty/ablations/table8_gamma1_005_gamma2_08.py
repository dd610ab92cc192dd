"""Table 8: gamma_1 = 0.05, gamma_2 = 0.8.

Paper: 22.5 AP, 37.0 AP50, 23.7 AP75; not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/certainty/ablations/table8_gamma1_005_gamma2_08.py 4
"""

_base_ = './base.py'

work_dir = 'work_dirs/table8_gamma1_005_gamma2_08_{{$FOLD:1}}@2'
model = dict(balancer=dict(weight_power=0.8))
