"""Table 3: two teachers (seeds 0 and 1) label as an ensemble; two students (seeds 0 and 1) learn from them.

Paper: 23.0 AP, 37.9 AP50, 24.1 AP75 for the ensemble of the students (table3_ensemble.py), 22.5 without any ensemble;
not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/certainty/ablations/teacher.py 4
    tools/dist_train.sh configs/certainty/ablations/teacher.py 4 --seed 1 --work-dir work_dirs/table3_teacher_seed1
    python tools/merge_checkpoints.py work_dirs/teacher_coco_partial_1@2/iter_12000.pth \\
        work_dirs/table3_teacher_seed1/iter_12000.pth --out work_dirs/table3_teachers_1@2.pth
    tools/dist_train.sh configs/certainty/ablations/table3_student.py 4
    tools/dist_train.sh configs/certainty/ablations/table3_student.py 4 --seed 1 \\
        --work-dir work_dirs/table3_student_seed1 --load-from work_dirs/table3_teacher_seed1/iter_12000.pth
"""

_base_ = './base.py'

work_dir = 'work_dirs/table3_student_{{$FOLD:1}}@2'
model = dict(
    labeler=dict(
        detector=dict(type='EnsembleDetector', members=[_base_.model.detector] * 2),
        checkpoint='work_dirs/table3_teachers_{{$FOLD:1}}@2.pth',
    )
)
