"""Plain pseudo labels with RetinaNet: one threshold on p, no weights, which need an RoI head.

The threshold is 0.5: the focal loss keeps scores low.

    tools/train.py configs/demo/student_retinanet.py --teacher configs/demo/teacher_retinanet.py
"""

_base_ = ['./teacher_retinanet.py', '../_base_/semi.py']

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
model['balancer'].update(threshold=0.5)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(base_batch_size=8)  # 4 labeled and 4 unlabeled images
work_dir = 'work_dirs/demo/student_retinanet'
load_from = 'work_dirs/demo/teacher_retinanet/iter_400.pth'
