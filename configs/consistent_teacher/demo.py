"""Consistent-Teacher on the demo's data.

Changed for its 800 iterations: the burn-in takes 400 of them, since it is all that the teacher learns before its first
label; the teacher keeps 0.99 instead of 0.9995; 4 + 4 images at 160 px in the demo's views, its optimizer, and the lite
RetinaNet with the method's head.

    tools/train.py configs/consistent_teacher/demo.py
"""

_base_ = [
    '../_base_/models/retinanet_lite_fam3d.py',
    '../_base_/datasets/demo_soft_teacher.py',
    '../_base_/adamw_lite.py',
    '../_base_/default_runtime.py',
    '../_base_/consistent_teacher.py',
]

train_cfg = dict(max_iters=800, val_interval=800)
model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
model['detector']['bbox_head'].update(num_classes=10)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = dict(_base_.semi_hooks, checkpoint=dict(interval=200))
default_hooks['ema_teacher'].update(ema_decay=0.99, burn_in=400)
auto_scale_lr = dict(base_batch_size=8)  # 4 labeled and 4 unlabeled images
work_dir = 'work_dirs/demo/consistent_teacher'
