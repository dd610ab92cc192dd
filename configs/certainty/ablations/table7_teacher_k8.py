"""The teacher of Table 7's row K = 8.

The paper prints no figure for teachers; not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/certainty/ablations/table7_teacher_k8.py 4
"""

_base_ = './teacher.py'

work_dir = 'work_dirs/table7_teacher_k8_{{$FOLD:1}}@2'
model = dict(roi_head=dict(bbox_head=dict(bbox_coder=dict(num_buckets=8))))
