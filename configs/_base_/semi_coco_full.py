"""A student on COCO-full, plain box regression, default parts in every slot: the base of other systems' recipes."""

_base_ = [
    './models/faster_rcnn_r50_fpn.py',
    './datasets/coco_full.py',
    './sgd.py',
    './default_runtime.py',
    './semi.py',
]

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
