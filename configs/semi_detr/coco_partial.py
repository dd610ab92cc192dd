"""Semi-DETR on 1, 2, 5 or 10 % of COCO.

The paper reports 30.50 / - / 40.10 / 43.50 AP. Not run here: needs COCO and 8 GPUs. Values are those of the public
code: 1 + 2 images per GPU, 120k iterations at one rate, half of them with many queries per box.

    PERCENT=10 FOLD=1 tools/dist_train.sh configs/semi_detr/coco_partial.py 8
"""

_base_ = [
    '../_base_/models/dino_r50_hybrid.py',
    '../_base_/datasets/coco_partial_semi_detr.py',
    '../_base_/default_runtime.py',
    '../_base_/semi_detr.py',
]

work_dir = 'work_dirs/semi_detr_coco_partial_{{$FOLD:1}}@{{$PERCENT:2}}'
train_cfg = dict(max_iters=120000, val_interval=4000)

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(enable=False, base_batch_size=24)  # 8 GPUs x (1 labeled + 2 unlabeled)
