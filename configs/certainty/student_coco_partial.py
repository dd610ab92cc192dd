"""The paper's method on 1, 2, 5 or 10 % of COCO: Table 2, row "Ours".

Paper: 18.21 / 22.62 / 27.78 / 31.67 AP at score threshold 0.05, and 19.02 / 23.34 / 28.40 / 32.23 (dagger) at 0.001,
which is --score-thr 0.001 of tools/test.py; not run here: needs COCO and 4 GPUs.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/certainty/student_coco_partial.py 4
"""

_base_ = ['./teacher_coco_partial.py', '../_base_/certainty.py']

work_dir = 'work_dirs/student_coco_partial_{{$FOLD:1}}@{{$PERCENT:2}}'
train_cfg = dict(max_iters=180000, val_interval=5000)

model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
load_from = _base_.teacher_checkpoint
