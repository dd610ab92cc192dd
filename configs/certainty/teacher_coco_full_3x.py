"""The paper's teacher on all of COCO train2017, 3x schedule.

tools/dist_train.sh configs/certainty/teacher_coco_full_3x.py 4
"""

_base_ = './teacher_coco_full_1x.py'

max_iters = 540000
train_cfg = dict(max_iters=max_iters)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=1000),
    dict(
        type='MultiStepLR',
        by_epoch=False,
        milestones=[max_iters * 2 // 3, max_iters * 8 // 9],
        gamma=0.1,
    ),
]
