"""Your student on your labeled and unlabeled images; starts from teacher.py's last checkpoint.

The paper's labels and thresholds, with the values of ../_base_/certainty_lite.py.

tools/train.py configs/own_data/student.py
"""

_base_ = ['./teacher.py', '../_base_/certainty_lite.py']

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(base_batch_size=8)  # 4 labeled and 4 unlabeled images
work_dir = 'work_dirs/own_data/student'
load_from = _base_.teacher_checkpoint
