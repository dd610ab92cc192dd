"""ISMT on the demo, first stage: 400 iterations of burn-in and 400 of two heads that label for each other.

The teachers keep 0.99 instead of 0.999: of 400 updates, 0.999 would leave them two thirds where the burn-in left them.

    python tools/train.py configs/ismt/demo.py
    python tools/label_from_memory.py configs/ismt/demo.py work_dirs/demo/ismt/iter_800.pth \\
        --out work_dirs/demo/ismt/labels.json
    python tools/train.py configs/ismt/demo_final.py
"""

_base_ = ['../demo/teacher_plain.py', '../_base_/ismt.py']

train_cfg = dict(max_iters=800, val_interval=400)
roi_head = dict(_base_.model.roi_head, **_base_.dual_head)
model = dict(_delete_=True, detector=dict(_base_.model, roi_head=roi_head), **_base_.semi)
train_dataloader = dict(_base_.semi_train_dataloader, _delete_=True)
ema_teacher = dict(_base_.ema_teacher, ema_decay=0.99, burn_in=400)
default_hooks = dict(_base_.semi_hooks, ema_teacher=ema_teacher)
auto_scale_lr = dict(base_batch_size=8)  # 4 labeled and 4 unlabeled images
work_dir = 'work_dirs/demo/ismt'
