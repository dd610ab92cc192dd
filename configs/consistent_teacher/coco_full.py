"""Consistent-Teacher on all of COCO train2017 and unlabeled2017.

The authors' repository reports 48.20 AP (the paper 47.7). Not run here: needs COCO and 8 GPUs. As its public config:
360k iterations, towers of six layers, distances from points and not anchors, and 3 for the weight of the IoU's cost.

    tools/dist_train.sh configs/consistent_teacher/coco_full.py 8
"""

_base_ = [
    '../_base_/models/retinanet_r50_fam3d.py',
    '../_base_/datasets/coco_full_soft_teacher.py',
    '../_base_/sgd.py',
    '../_base_/default_runtime.py',
    '../_base_/consistent_teacher.py',
]

work_dir = 'work_dirs/consistent_teacher_coco_full'
train_cfg = dict(max_iters=360000, val_interval=4000)
optim_wrapper = _base_.clipped

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
detector = model['detector']
detector['backbone']['norm_cfg'].update(requires_grad=False)
detector['bbox_head'].update(stacked_convs=6, regression='distance')
detector['train_cfg']['assigner'].update(iou_weight=3.0)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
train_dataloader.update(batch_size=5, num_workers=5)
train_dataloader['sampler'].update(counts=dict(labeled=1, unlabeled=4))
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(base_batch_size=40)  # 8 GPUs x (1 labeled + 4 unlabeled)
