"""STAC's teacher on 1, 2, 5 or 10 % of COCO: labeled images alone, the detector and schedule of the student.

The paper prints no figure for teachers; not run here: needs COCO and 8 GPUs. The schedule is the public code's default,
1x of a total of 8 images.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/stac/teacher_coco_partial.py 8
"""

_base_ = ['../supervised/coco_partial.py', '../_base_/stac.py']

work_dir = 'work_dirs/stac_teacher_coco_partial_{{$FOLD:1}}@{{$PERCENT:2}}'
train_cfg = dict(max_iters=180000, val_interval=20000)
param_scheduler = [_base_.warm_up, _base_.param_scheduler[1]]

model = _base_.stac_detector
train_dataloader = dict(
    batch_size=1,
    sampler=dict(counts=dict(labeled=1)),
    dataset=dict(labeled=dict(pipeline=dict(resize=dict(_delete_=True, **_base_.short_edge)))),
)
