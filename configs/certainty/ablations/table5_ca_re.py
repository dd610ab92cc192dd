"""Table 5, row 3: certainty-aware pseudo labels and re-weighting (CA, RE), no dynamic thresholds.

Paper: 22.1 AP, 36.2 AP50, 23.2 AP75; not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/certainty/ablations/table5_ca_re.py 4
"""

_base_ = './base.py'

work_dir = 'work_dirs/table5_ca_re_{{$FOLD:1}}@2'
model = dict(balancer=dict(threshold_power=0.0))
