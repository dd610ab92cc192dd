"""The teacher of the paper's ablations: 2 % of COCO, that of configs/certainty/teacher_coco_partial.py.

The paper prints no figure for teachers; not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/certainty/ablations/teacher.py 4
"""

_base_ = '../teacher_coco_partial.py'

assert '{{$PERCENT:2}}' == '2', 'the ablations use 2 % of COCO: unset PERCENT, or set it to 2'
