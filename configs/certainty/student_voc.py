"""The paper's method on VOC, short side 600: Table 1b, row "Ours".

Paper: 76.9 AP50, 57.9 AP75, 52.4 AP; not run here: needs VOC and 4 GPUs.

    tools/dist_train.sh configs/certainty/student_voc.py 4
"""

_base_ = ['./teacher_voc.py', '../_base_/certainty.py']

train_cfg = dict(max_iters=90000, val_interval=5000)

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
load_from = 'work_dirs/teacher_voc/iter_10000.pth'
