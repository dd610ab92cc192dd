"""Table 3: the ensemble of two students of table3_student.py, for testing.

Paper: 23.0 AP, 37.9 AP50, 24.1 AP75; not run here: needs COCO and 4 GPUs.

    python tools/merge_checkpoints.py work_dirs/table3_student_1@2/iter_90000.pth \\
        work_dirs/table3_student_seed1/iter_90000.pth --out work_dirs/table3_students.pth
    tools/dist_test.sh configs/certainty/ablations/table3_ensemble.py work_dirs/table3_students.pth 4
"""

_base_ = './base.py'

model = dict(
    _delete_=True,
    type='EnsembleDetector',
    members=[_base_.model.detector] * 2,
    data_preprocessor=_base_.model.detector.data_preprocessor,
)
