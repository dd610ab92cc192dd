"""The demo's student: the paper's method on the 100 labeled and the 900 unlabeled images.

tools/train.py configs/demo/student.py
"""

_base_ = ['./teacher.py', '../_base_/certainty.py']

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
load_from = 'work_dirs/demo/teacher/iter_400.pth'
