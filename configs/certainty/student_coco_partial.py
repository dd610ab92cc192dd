"""The paper's method on 1, 2, 5 or 10 % of COCO: Table 2, row "Ours".

Paper: 18.21 / 22.62 / 27.78 / 31.67 AP at score threshold 0.05, and 19.02 / 23.34 / 28.40 / 32.23 (dagger) at 0.001,
which is --score-thr 0.001 of tools/test.py; not run here: needs COCO and 4 GPUs.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/certainty/student_coco_partial.py 4 \\
        --work-dir work_dirs/student_coco_partial_1@2
"""

_base_ = ['./teacher_coco_partial.py', '../_base_/certainty.py']

max_iters = 180000
train_cfg = dict(max_iters=max_iters, val_interval=5000)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=1000),
    dict(
        type='MultiStepLR',
        by_epoch=False,
        milestones=[max_iters * 2 // 3, max_iters * 8 // 9],
        gamma=0.1,
    ),
]

model = dict(
    _delete_=True,
    detector=_base_.model,
    data_preprocessor=dict(
        type='MultiBranchDataPreprocessor', data_preprocessor=_base_.model.data_preprocessor
    ),
    **_base_.semi,
)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
load_from = (
    'work_dirs/teacher_coco_partial_{{$FOLD:1}}@{{$PERCENT:2}}/iter_'
    + str({'1': 6000, '2': 12000, '5': 30000, '10': 60000}['{{$PERCENT:2}}'])
    + '.pth'
)
