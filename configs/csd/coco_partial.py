"""CSD on 1, 2, 5 or 10 % of COCO, with Faster R-CNN: Table 2, row "CSD".

Paper: 10.20 / 13.60 / 18.90 / 24.50 AP, of other people's runs; their batch and schedule are unknown, these are the
paper's own. Not run here: needs COCO and 4 GPUs.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/csd/coco_partial.py 4
"""

_base_ = [
    '../_base_/models/faster_rcnn_r50_fpn.py',
    '../_base_/datasets/coco_partial_one_view.py',
    '../_base_/sgd.py',
    '../_base_/default_runtime.py',
    '../_base_/csd.py',
]

work_dir = 'work_dirs/csd_coco_partial_{{$FOLD:1}}@{{$PERCENT:2}}'
train_cfg = dict(max_iters=180000, val_interval=5000)

model = dict(_delete_=True, detector=_base_.model, **_base_.csd)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.csd_hooks
