"""Table 7: K = 8 buckets a side, in the teacher (table7_teacher_k8.py) and in the student.

Paper: 21.0 AP, 38.1 AP50, 21.1 AP75; not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/certainty/ablations/table7_k8.py 4
"""

_base_ = './base.py'

work_dir = 'work_dirs/table7_k8_{{$FOLD:1}}@2'
model = dict(detector=dict(roi_head=dict(bbox_head=dict(bbox_coder=dict(num_buckets=8)))))
load_from = 'work_dirs/table7_teacher_k8_{{$FOLD:1}}@2/iter_12000.pth'
