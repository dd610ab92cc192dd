"""Table 8: gamma_1 = 0.03, gamma_2 = 0.6.

Paper: 22.3 AP, 36.8 AP50, 23.6 AP75; not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/certainty/ablations/table8_gamma1_003_gamma2_06.py 4
"""

_base_ = './base.py'

work_dir = 'work_dirs/table8_gamma1_003_gamma2_06_{{$FOLD:1}}@2'
model = dict(balancer=dict(threshold_power=0.03))
