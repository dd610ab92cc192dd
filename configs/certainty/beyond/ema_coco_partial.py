"""Beyond the paper: its certainty-aware labels from a teacher that follows the student, on 1, 2, 5 or 10 % of COCO.

The paper's teacher is frozen. This one starts where the paper's does, keeps 0.9996 an iteration and is tested, as that
of Unbiased Teacher; all else is the paper's. Nobody has published it; not run here: needs COCO and 4 GPUs.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/certainty/beyond/ema_coco_partial.py 4
"""

_base_ = '../student_coco_partial.py'

work_dir = 'work_dirs/ema_coco_partial_{{$FOLD:1}}@{{$PERCENT:2}}'
model = dict(labeler=dict(type='EMATeacher'), predict_with='teacher')
default_hooks = dict(ema_teacher=dict(type='EMATeacherHook', ema_decay=0.9996, burn_in=0))
