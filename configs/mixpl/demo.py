"""MixPL on the demo's data.

Changed for its 400 iterations: it starts from the demo's teacher, since one without burn-in would know nothing yet; the
teacher keeps 0.99 in each iteration; 4 + 4 images, all at 160 px, those of a mosaic at 40 to 80 px.

    tools/train.py configs/mixpl/demo.py --teacher configs/demo/teacher_plain.py
"""

_base_ = [
    '../_base_/models/faster_rcnn_lite.py',
    '../_base_/datasets/demo_mixpl.py',
    '../_base_/adamw_lite.py',
    '../_base_/default_runtime.py',
    '../_base_/mixpl.py',
]

work_dir = 'work_dirs/demo/mixpl'
load_from = 'work_dirs/demo/teacher_plain/iter_400.pth'
train_cfg = dict(max_iters=400, val_interval=400)

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
model['detector']['roi_head']['bbox_head'].update(num_classes=10)
model.update(mosaic_sizes=(40, 80))
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = dict(_base_.semi_hooks, checkpoint=dict(interval=200))
default_hooks['ema_teacher'].update(ema_decay=0.99, interval=1)
auto_scale_lr = dict(base_batch_size=8)  # 4 labeled and 4 unlabeled images
