"""The paper's labels and thresholds with Cascade R-CNN: box regression has no v, so p*v is p.

tools/train.py configs/demo/student_cascade.py --teacher configs/demo/teacher_cascade.py
"""

_base_ = ['./teacher_cascade.py', '../_base_/certainty_lite.py']

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(base_batch_size=8)  # 4 labeled and 4 unlabeled images
work_dir = 'work_dirs/demo/student_cascade'
load_from = 'work_dirs/demo/teacher_cascade/iter_400.pth'
