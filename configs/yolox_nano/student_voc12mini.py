"""Student of teacher_voc12mini.py with an EMA teacher, which is evaluated.

tools/train.py configs/yolox_nano/student_voc12mini.py --teacher configs/yolox_nano/teacher_voc12mini.py
"""

_base_ = ['./teacher_voc12mini.py', '../_base_/ema_small.py']

train_cfg = dict(max_iters=600, val_interval=200)
model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
optim_wrapper = dict(optimizer=dict(lr=_base_.rate * _base_.rate_share))
param_scheduler = _base_.semi_schedule
auto_scale_lr = dict(base_batch_size=8)  # 2 labeled and 6 unlabeled images
load_from = 'work_dirs/teacher_voc12mini/iter_800.pth'
