"""Table 7: K = 4 buckets a side, in the teacher (table7_teacher_k4.py) and in the student.

Paper: 19.7 AP, 37.2 AP50, 18.9 AP75; not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/certainty/ablations/table7_k4.py 4
"""

_base_ = './base.py'

work_dir = 'work_dirs/table7_k4_{{$FOLD:1}}@2'
model = dict(detector=dict(roi_head=dict(bbox_head=dict(bbox_coder=dict(num_buckets=4)))))
load_from = 'work_dirs/table7_teacher_k4_{{$FOLD:1}}@2/iter_12000.pth'
