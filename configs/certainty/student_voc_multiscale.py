"""The paper's method on VOC, short side drawn from 640 to 800: Table 1b, row "Ours" with multi-scale training.

Paper: 79.0 AP50, 59.4 AP75, 54.6 AP; not run here: needs VOC and 4 GPUs.

    tools/dist_train.sh configs/certainty/student_voc_multiscale.py 4
"""

_base_ = ['./teacher_voc_multiscale.py', '../_base_/certainty.py']

train_cfg = dict(max_iters=90000, val_interval=5000)

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
load_from = 'work_dirs/teacher_voc_multiscale/iter_10000.pth'
