"""Consistent-Teacher on VOC: 07 trainval labeled, 12 trainval unlabeled.

The authors' repository reports 81.00 AP50 and 59.00 AP. Not run here: needs VOC and 8 GPUs. As its public config: 72k
iterations at one rate, a burn-in of 1000, short sides of 480 to 800 in training and 600 in tests.

    tools/dist_train.sh configs/consistent_teacher/voc.py 8
"""

_base_ = [
    '../_base_/models/retinanet_r50_fam3d.py',
    '../_base_/datasets/voc_soft_teacher.py',
    '../_base_/sgd.py',
    '../_base_/default_runtime.py',
    '../_base_/consistent_teacher.py',
]

work_dir = 'work_dirs/consistent_teacher_voc'
train_cfg = dict(max_iters=72000, val_interval=4000)
optim_wrapper = _base_.clipped
param_scheduler = _base_.constant_rate

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
model['detector']['bbox_head'].update(num_classes=20)
model['detector']['backbone']['norm_cfg'].update(requires_grad=False)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
default_hooks['ema_teacher'].update(burn_in=1000)
auto_scale_lr = dict(base_batch_size=40)  # 8 GPUs x (1 labeled + 4 unlabeled)
