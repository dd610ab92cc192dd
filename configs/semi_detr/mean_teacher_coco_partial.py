"""A mean teacher over mmdet's DINO on 1, 2, 5 or 10 % of COCO: what Semi-DETR is compared with.

No figure is known of this very recipe, and it was not run here: needs COCO and 8 GPUs. Data, lengths, threshold and
weight are those of coco_partial.py; the burn-in, and leaving out images without a pseudo box, are ours.

    PERCENT=10 FOLD=1 tools/dist_train.sh configs/semi_detr/mean_teacher_coco_partial.py 8
"""

_base_ = [
    '../_base_/models/dino_r50.py',
    '../_base_/datasets/coco_partial_semi_detr.py',
    '../_base_/default_runtime.py',
    '../_base_/mean_teacher_dino.py',
]

work_dir = 'work_dirs/mean_teacher_dino_coco_partial_{{$FOLD:1}}@{{$PERCENT:2}}'
train_cfg = dict(max_iters=120000, val_interval=4000)

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(enable=False, base_batch_size=24)  # 8 GPUs x (1 labeled + 2 unlabeled)
