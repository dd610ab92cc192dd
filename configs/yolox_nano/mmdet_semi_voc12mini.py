"""As student_voc12mini.py with MMDetection's own `SemiBaseDetector`, to compare with.

tools/train.py configs/yolox_nano/mmdet_semi_voc12mini.py --teacher configs/yolox_nano/teacher_voc12mini.py
"""

_base_ = ['./teacher_voc12mini.py', '../_base_/mmdet_semi.py']

train_cfg = dict(max_iters=600, val_interval=200)
preprocessor = dict(
    type='MultiBranchDataPreprocessor', data_preprocessor=_base_.model.data_preprocessor
)
model = dict(
    _delete_=True, detector=_base_.model, data_preprocessor=preprocessor, **_base_.mmdet_semi
)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
labeled, unlabeled = (
    train_dataloader['dataset'][name]['pipeline'] for name in ('labeled', 'unlabeled')
)
labeled['branch'] = dict(type='MultiBranch', branch_field=_base_.mmdet_branches, sup=_base_.pack)
views = unlabeled['views']
unlabeled['views'] = dict(
    type='MultiBranch',
    branch_field=_base_.mmdet_branches,
    unsup_teacher=views['weak'],
    unsup_student=views['strong'],
)
custom_hooks = _base_.mmdet_hooks
optim_wrapper = dict(optimizer=dict(lr=_base_.rate * _base_.rate_share))
param_scheduler = _base_.semi_schedule
auto_scale_lr = dict(base_batch_size=8)  # 2 labeled and 6 unlabeled images
load_from = 'work_dirs/teacher_voc12mini/iter_800.pth'
