"""Soft Teacher on the demo's data.

Changed for its 400 iterations: it starts from the demo's teacher, since one without burn-in would know nothing yet; the
teacher keeps 0.99 instead of 0.999, a memory of 100 iterations instead of 1000; 4 + 4 images, all at 160 px. Changed
for its small boxes: a steady one deviates by less than 4 %, the median of the demo's teacher with buckets (32 boxes);
2 % of 30 px is less than it can tell.

    tools/train.py configs/soft_teacher/demo.py --teacher configs/demo/teacher_plain.py
"""

_base_ = [
    '../_base_/models/faster_rcnn_lite.py',
    '../_base_/datasets/demo_soft_teacher.py',
    '../_base_/adamw_lite.py',
    '../_base_/default_runtime.py',
    '../_base_/soft_teacher.py',
]

train_cfg = dict(max_iters=400, val_interval=400)
model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
model['detector']['roi_head']['bbox_head'].update(num_classes=10)
model.update(max_deviation=0.04)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = dict(_base_.semi_hooks, checkpoint=dict(interval=200))
default_hooks['ema_teacher'].update(ema_decay=0.99)
auto_scale_lr = dict(base_batch_size=8)  # 4 labeled and 4 unlabeled images
work_dir = 'work_dirs/demo/soft_teacher'
load_from = 'work_dirs/demo/teacher_plain/iter_400.pth'
