"""Instant-Teaching with co-rectify on 1, 2, 5 or 10 % of COCO: Table 2, second row "Instant-Teaching".

As the paper prints it, marked as a model ensemble: 18.05 / 22.45 / 26.75 / 30.40 AP; not run here: needs COCO and 8
GPUs. Two networks of different initialization; the first is tested. The rest is coco_partial.py.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/instant_teaching/co_rectify_coco_partial.py 8
"""

_base_ = './coco_partial.py'

work_dir = 'work_dirs/co_rectify_coco_partial_{{$FOLD:1}}@{{$PERCENT:2}}'
model = dict(type='CoRectifyDetector', labeler=dict(type='GivenLabels'))
