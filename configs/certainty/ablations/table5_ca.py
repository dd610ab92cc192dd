"""Table 5, row 2: certainty-aware pseudo labels (CA) alone.

Paper: 21.6 AP, 35.3 AP50, 22.9 AP75; not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/certainty/ablations/table5_ca.py 4
"""

_base_ = './base.py'

work_dir = 'work_dirs/table5_ca_{{$FOLD:1}}@2'
model = dict(balancer=dict(weight_power=0.0, threshold_power=0.0))
