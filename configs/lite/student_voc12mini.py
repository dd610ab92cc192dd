"""The paper's method with the lite detector on voc12mini: student of teacher_voc12mini.py.

Two values are not the paper's, as in configs/demo/student.py: the threshold is 0.5, since p*v > 0.7 keeps 9 % of the
objects here (docs/results/voc12mini_pseudo_labels.md), and re-weighting is off.

tools/train.py configs/lite/student_voc12mini.py
"""

_base_ = ['./teacher_voc12mini.py', '../_base_/certainty.py']

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
model['balancer'].update(threshold=0.5, weight_power=0.0)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(base_batch_size=8)  # 4 labeled and 4 unlabeled images
load_from = 'work_dirs/teacher_voc12mini/iter_1000.pth'
