"""Student of teacher_bccd.py: the paper's labels and thresholds, with the values of ../_base_/certainty_lite.py.

tools/train.py configs/lite/student_bccd.py
"""

_base_ = ['./teacher_bccd.py', '../_base_/certainty_lite.py']

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(base_batch_size=8)  # 4 labeled and 4 unlabeled images
load_from = 'work_dirs/teacher_bccd/iter_400.pth'
