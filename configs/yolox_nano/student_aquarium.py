"""YOLOX-Nano from COCO: 250 iterations on labeled images, then 300 with an EMA teacher, which is evaluated.

tools/train.py configs/yolox_nano/student_aquarium.py
"""

_base_ = ['./supervised_aquarium.py', '../_base_/semi.py']

burn_in = 250
train_cfg = dict(max_iters=550, val_interval=100)
model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
model['labeler'] = dict(type='EMATeacher')
model['balancer'].update(threshold=0.4)
model['predict_with'] = 'teacher'
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
train_dataloader['sampler'].update(start=dict(unlabeled=burn_in))
default_hooks = dict(
    **_base_.semi_hooks,
    ema_teacher=dict(type='EMATeacherHook', ema_decay=0.998, burn_in=burn_in, ramp=True),
)
auto_scale_lr = dict(base_batch_size=8)  # 4 labeled and 4 unlabeled images
