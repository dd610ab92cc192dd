"""Supervised on 1, 2, 5 or 10 % of COCO: our own baseline beside Table 2.

The paper's row "Supervised", 9.05 / 12.70 / 18.47 / 23.86 AP, is another code's; not run here: needs COCO and 4 GPUs.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/supervised/coco_partial.py 4
"""

_base_ = [
    '../_base_/models/faster_rcnn_r50_fpn.py',
    '../_base_/datasets/coco_partial.py',
    '../_base_/sgd.py',
    '../_base_/default_runtime.py',
]

work_dir = 'work_dirs/supervised_coco_partial_{{$FOLD:1}}@{{$PERCENT:2}}'
train_cfg = dict(max_iters=_base_.teacher_iterations, val_interval=5000)
