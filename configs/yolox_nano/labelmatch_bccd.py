"""As student_bccd.py with LabelMatch's thresholds: the most certain fifth of as many boxes as labels.

YOLOX has no RoIs to learn the others softly. With `model.balancer.share=1.0` all of them are pseudo labels.

tools/train.py configs/yolox_nano/labelmatch_bccd.py --teacher configs/yolox_nano/teacher_bccd.py
"""

_base_ = './student_bccd.py'

model = dict(balancer=dict(share=0.2, limits=(0.05, 1.0)))
