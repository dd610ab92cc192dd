"""MixPL with DINO on 1, 2, 5 or 10 % of COCO.

The paper reports 31.7 / 34.7 / 40.1 / 44.6 AP. Not run here: needs COCO and 8 GPUs. Values: the public code's config of
10 %, which holds for other shares; 8 GPUs are ours, it names no number.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/mixpl/dino_coco_partial.py 8
"""

_base_ = [
    '../_base_/models/dino_r50.py',
    '../_base_/datasets/coco_partial_mixpl.py',
    '../_base_/default_runtime.py',
    '../_base_/mixpl_dino.py',
]

work_dir = 'work_dirs/mixpl_dino_coco_partial_{{$FOLD:1}}@{{$PERCENT:2}}'
train_cfg = dict(max_iters=90000, val_interval=5000)

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(enable=False, base_batch_size=40)  # 8 GPUs x (1 labeled + 4 unlabeled)
