"""The paper's method with Instant-Teaching's mixup on 1, 2, 5 or 10 % of COCO; the combination is not published.

Each unlabeled image is mixed with probability 0.5 with the labeled one; alpha of Eq. 6 (RE) and mixing share are
multiplied. Not run here: needs COCO and 4 GPUs.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/certainty/beyond/mixup_coco_partial.py 4
"""

_base_ = '../student_coco_partial.py'

work_dir = 'work_dirs/beyond_mixup_coco_partial_{{$FOLD:1}}@{{$PERCENT:2}}'
model = dict(mixer=dict(type='MixUp', alpha=1.0, prob=0.5))
