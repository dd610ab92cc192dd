"""The demo's student: the paper's labels and thresholds on the 50 labeled and the 950 unlabeled images.

tools/train.py configs/demo/student.py
"""

_base_ = ['./teacher.py', '../_base_/certainty_lite.py']

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(base_batch_size=8)  # 4 labeled and 4 unlabeled images
work_dir = 'work_dirs/demo/student'
load_from = 'work_dirs/demo/teacher/iter_400.pth'
