"""The paper's method on VOC, short side drawn from 640 to 800: Table 1b, row "Ours" with multi-scale training.

Paper: 79.0 AP50, 59.4 AP75, 54.6 AP; not run here: needs VOC and 4 GPUs.

    tools/dist_train.sh configs/certainty/student_voc_multiscale.py 4
"""

_base_ = ['./teacher_voc_multiscale.py', '../_base_/certainty.py']

max_iters = 90000
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
load_from = 'work_dirs/teacher_voc_multiscale/iter_10000.pth'
