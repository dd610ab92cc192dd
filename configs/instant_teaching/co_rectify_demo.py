"""Instant-Teaching with co-rectify at demo scale: demo.py with two networks, of which the first is tested.

tools/train.py configs/instant_teaching/co_rectify_demo.py
"""

_base_ = './demo.py'

work_dir = 'work_dirs/demo/co_rectify'
model = dict(type='CoRectifyDetector', labeler=dict(type='GivenLabels'))
