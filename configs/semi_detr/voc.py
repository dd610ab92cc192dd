"""Semi-DETR on VOC: 07 trainval labeled, 12 trainval unlabeled.

The authors' repository reports 86.1 AP50 and 65.2 AP. Not run here: needs VOC and 8 GPUs. Values are those of the
public code: 1 + 4 images per GPU, 80k iterations at one rate, half of them with many queries per box.

    tools/dist_train.sh configs/semi_detr/voc.py 8
"""

_base_ = [
    '../_base_/models/dino_r50_hybrid.py',
    '../_base_/datasets/voc_semi_detr.py',
    '../_base_/default_runtime.py',
    '../_base_/semi_detr.py',
]

work_dir = 'work_dirs/semi_detr_voc'
train_cfg = dict(max_iters=80000, val_interval=4000)

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
model['detector']['bbox_head'].update(num_classes=20)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(enable=False, base_batch_size=40)  # 8 GPUs x (1 labeled + 4 unlabeled)
