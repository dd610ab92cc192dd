"""STAC's teacher on all of COCO train2017, 3x schedule.

The paper prints no figure for teachers; not run here: needs COCO and 8 GPUs.

    tools/dist_train.sh configs/stac/teacher_coco_full.py 8
"""

_base_ = ['../supervised/coco_full_3x.py', '../_base_/stac.py']

work_dir = 'work_dirs/stac_teacher_coco_full'
param_scheduler = [_base_.warm_up, _base_.late_steps]
model = _base_.stac_detector
train_dataloader = dict(
    batch_size=1,
    sampler=dict(counts=dict(labeled=1)),
    dataset=dict(labeled=dict(pipeline=dict(resize=dict(_delete_=True, **_base_.short_edge)))),
)
