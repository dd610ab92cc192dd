"""Semi-DETR on the demo's data.

Changed for its 800 iterations: a small DINO at 160 px; a burn-in of 400, since a DINO of random weights labels nothing
for long; many queries per box until iteration 600; the teacher keeps 0.99; a higher rate; 4 + 4 images. A CPU core
takes hours.

    tools/train.py configs/semi_detr/demo.py
"""

_base_ = [
    '../_base_/models/dino_lite_hybrid.py',
    '../_base_/datasets/demo_soft_teacher.py',
    '../_base_/default_runtime.py',
    '../_base_/semi_detr.py',
]

work_dir = 'work_dirs/demo/semi_detr'
train_cfg = dict(max_iters=800, val_interval=800)
optim_wrapper = dict(optimizer=dict(lr=0.0004))

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
model['detector']['bbox_head'].update(num_classes=10)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = dict(_base_.semi_hooks, checkpoint=dict(interval=200))
default_hooks['ema_teacher'].update(ema_decay=0.99, burn_in=400)
default_hooks['matching_stage'].update(first=0.75)
auto_scale_lr = dict(base_batch_size=8)  # 4 labeled and 4 unlabeled images
