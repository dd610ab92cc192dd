"""The paper's method with Instant-Teaching's mixup at demo scale: the demo's student, else unchanged.

tools/train.py configs/certainty/beyond/demo_mixup.py
"""

_base_ = '../../demo/student.py'

work_dir = 'work_dirs/demo/beyond_mixup'
model = dict(mixer=dict(type='MixUp', alpha=1.0, prob=0.5))
