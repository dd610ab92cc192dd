"""The paper's method on COCO-full, 3x schedule: Table 1a, row "Ours*".

Paper: 43.3 AP; not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/certainty/student_coco_full_3x.py 4
"""

_base_ = ['./teacher_coco_full_3x.py', '../_base_/certainty.py']

train_cfg = dict(max_iters=540000, val_interval=20000)

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
load_from = 'work_dirs/teacher_coco_full_3x/iter_540000.pth'
