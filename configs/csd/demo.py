"""CSD on the demo's data.

Changed for its 400 iterations: it starts from the demo's teacher and not from ImageNet, as Soft Teacher's demo does;
4 + 4 images; 64 RoIs per image, as many as the lite detector trains on.

    tools/train.py configs/csd/demo.py --teacher configs/demo/teacher_plain.py
"""

_base_ = [
    '../_base_/models/faster_rcnn_lite.py',
    '../_base_/datasets/demo_one_view.py',
    '../_base_/adamw_lite.py',
    '../_base_/default_runtime.py',
    '../_base_/csd.py',
]

train_cfg = dict(max_iters=400, val_interval=400)
model = dict(_delete_=True, detector=_base_.model, **_base_.csd)
model.update(num_rois=64)
model['detector']['roi_head']['bbox_head'].update(num_classes=10)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = dict(_base_.csd_hooks, checkpoint=dict(interval=200))
auto_scale_lr = dict(base_batch_size=8)  # 4 labeled and 4 unlabeled images
work_dir = 'work_dirs/demo/csd'
load_from = 'work_dirs/demo/teacher_plain/iter_400.pth'
