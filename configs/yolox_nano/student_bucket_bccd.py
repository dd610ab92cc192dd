"""As student_bccd.py with the paper's localization, labels chosen by p*v.

p*v > 0.3 keeps about as many boxes as the other's p > 0.4: v is 0.7 in the median.

tools/train.py configs/yolox_nano/student_bucket_bccd.py
"""

_base_ = ['./supervised_bucket_bccd.py', '../_base_/semi.py']

burn_in = 500
model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
model['labeler'] = dict(type='EMATeacher')
model['selector'].update(certainty='p*v')
model['balancer'].update(threshold=0.3)
model['predict_with'] = 'teacher'
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
train_dataloader['sampler'].update(start=dict(unlabeled=burn_in))
default_hooks = dict(
    **_base_.semi_hooks,
    ema_teacher=dict(type='EMATeacherHook', ema_decay=0.998, burn_in=burn_in, ramp=True),
)
auto_scale_lr = dict(base_batch_size=8)  # 4 labeled and 4 unlabeled images
