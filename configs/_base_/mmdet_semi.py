"""MMDetection's own mean teacher (`SemiBaseDetector`), to compare with students of ema_small.py.

The same student, start, images, views and length; what differs is the training step: pseudo labels above one score.
"""

_base_ = './ema_small.py'

mmdet_branches = ['sup', 'unsup_teacher', 'unsup_student']
mmdet_semi = dict(
    type='SemiBaseDetector',
    semi_train_cfg=dict(
        freeze_teacher=True,
        sup_weight=1.0,
        unsup_weight=1.0,
        cls_pseudo_thr=0.4,
        min_pseudo_bbox_wh=(1.0, 1.0),
    ),
    semi_test_cfg=dict(predict_on='teacher'),
)
mmdet_hooks = [dict(type='MeanTeacherHook', momentum=0.005)]  # ema_decay = 0.995
