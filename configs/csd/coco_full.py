"""CSD on all of COCO train2017 and unlabeled2017, with Faster R-CNN: Table 1a, row "CSD*" (3x schedule).

Paper: 38.8 AP, of other people's runs; batch and optimizer are the paper's own. Not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/csd/coco_full.py 4
"""

_base_ = [
    '../_base_/models/faster_rcnn_r50_fpn.py',
    '../_base_/datasets/coco_full_one_view.py',
    '../_base_/sgd.py',
    '../_base_/default_runtime.py',
    '../_base_/csd.py',
]

train_cfg = dict(max_iters=540000, val_interval=20000)

model = dict(_delete_=True, detector=_base_.model, **_base_.csd)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.csd_hooks
