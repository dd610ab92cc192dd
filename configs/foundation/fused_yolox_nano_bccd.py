"""YOLOX-Nano on bccd with labels of a foundation detector, fused with those of its EMA teacher.

The detector was asked for words of its own, which `names` maps, on labeled and unlabeled images; its scores become
precisions on the labeled ones. Not run here: needs the detector's file.

    tools/train.py configs/foundation/fused_yolox_nano_bccd.py --teacher configs/yolox_nano/teacher_bccd.py
"""

_base_ = '../yolox_nano/student_bccd.py'

model = dict(
    labeler=dict(
        type='FusedTeacher',
        detections=dict(
            file='data/bccd/foundation.json',
            classes=_base_.classes,
            names={
                'red blood cell': 'RBC',
                'white blood cell': 'WBC',
                'platelet': 'Platelets',
                'cell': None,
            },
            labeled=_base_.data_root + _base_.labeled['ann_file'],
        ),
    )
)
