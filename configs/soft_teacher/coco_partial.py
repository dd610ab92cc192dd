"""Soft Teacher on 1, 2, 5 or 10 % of COCO.

mmdet's SoftTeacher, whose recipe this is, reports 19.9 / 24.9 / 30.4 / 33.8 AP (its metafile.yml), the authors 21.62 /
- / 30.42 / 33.78; the paper's tables do not list the method. Not run here: needs COCO and 8 GPUs.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/soft_teacher/coco_partial.py 8
"""

_base_ = [
    '../_base_/models/faster_rcnn_r50_fpn.py',
    '../_base_/datasets/coco_partial_soft_teacher.py',
    '../_base_/sgd.py',
    '../_base_/default_runtime.py',
    '../_base_/soft_teacher.py',
]

work_dir = 'work_dirs/soft_teacher_coco_partial_{{$FOLD:1}}@{{$PERCENT:2}}'
train_cfg = dict(max_iters=180000, val_interval=5000)

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
auto_scale_lr = dict(base_batch_size=40)  # 8 GPUs x (1 labeled + 4 unlabeled)
