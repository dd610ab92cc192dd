"""As student_bccd.py with Consistent-Teacher's thresholds: two Gaussians over each class's certainties.

tools/train.py configs/yolox_nano/consistent_teacher_bccd.py --teacher configs/yolox_nano/teacher_bccd.py
"""

_base_ = './student_bccd.py'

model = dict(
    merger=dict(type='KeepExpected'),
    balancer=dict(_delete_=True, type='MixtureBalancer', threshold=0.4, recent=100),
)
