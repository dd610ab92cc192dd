"""Table 7: K = 40 buckets a side, in the teacher (table7_teacher_k40.py) and in the student.

Paper: 22.4 AP, 37.9 AP50, 23.4 AP75; not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/certainty/ablations/table7_k40.py 4
"""

_base_ = './base.py'

work_dir = 'work_dirs/table7_k40_{{$FOLD:1}}@2'
model = dict(detector=dict(roi_head=dict(bbox_head=dict(bbox_coder=dict(num_buckets=40)))))
load_from = 'work_dirs/table7_teacher_k40_{{$FOLD:1}}@2/iter_12000.pth'
