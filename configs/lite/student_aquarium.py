"""Student of teacher_aquarium.py: the paper's labels and thresholds, with the values of ../_base_/certainty_lite.py.

tools/train.py configs/lite/student_aquarium.py
"""

_base_ = ['./teacher_aquarium.py', '../_base_/certainty_lite.py']

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(base_batch_size=8)  # 4 labeled and 4 unlabeled images
load_from = 'work_dirs/teacher_aquarium/iter_500.pth'
