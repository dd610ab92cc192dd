"""STAC (Sohn et al., 2020): what its recipes have in common. Values: its public code."""

stac_detector = dict(
    rpn_head=dict(loss_bbox=dict(_delete_=True, type='SmoothL1Loss', beta=1 / 9, loss_weight=1.0)),
    train_cfg=dict(rcnn=dict(sampler=dict(num=64))),
)
# The source halves the student's losses, since labeled and unlabeled images share a step, and keeps the rate: the same
# steps as half the rate with twice the weight decay.
stac_optimizer = dict(lr=0.005, weight_decay=0.0002)
warm_up = dict(type='LinearLR', start_factor=0.33, by_epoch=False, begin=0, end=1000)
# 420k and 500k of its 3x schedule, 540k.
late_steps = dict(type='ShareStepLR', shares=(7 / 9, 25 / 27), gamma=0.1, by_epoch=False)
stac = dict(
    selector=dict(certainty='p'),
    balancer=dict(threshold=0.9),
    unsup_weight=2.0,
    empty_images='skip',
)

short_edge = dict(type='RandomResize', scale=[(1333, 500), (1333, 800)], keep_ratio=True)
# The teacher sees each image at the size of its file and without a flip: so its labels are those of a file made
# beforehand, as the source makes them. The step changes no pixel and records the view's homography.
file_size = dict(type='Resize', scale_factor=1.0, keep_ratio=True)

# RandAugment's ranges at its levels 1 to 9 of 10; the first of the nine changes nothing. Fast*: mmdet's, only faster.
one_color = dict(
    type='RandomChoice',
    transforms=[
        [],
        [dict(type='FastAutoContrast')],
        [dict(type='FastEqualize')],
        [dict(type='FastSolarize', min_mag=26.0, max_mag=231.0)],
        [dict(type='FastColor', min_mag=0.28, max_mag=1.72)],
        [dict(type='FastContrast', min_mag=0.28, max_mag=1.72)],
        [dict(type='FastBrightness', min_mag=0.28, max_mag=1.72)],
        [dict(type='FastSharpness', min_mag=0.28, max_mag=1.72)],
        [dict(type='Posterize', min_mag=0.1, max_mag=4.0)],  # 1 to 4 bits are left
    ],
)
# One time in two: there the other half moves the content of one box, which this pipeline cannot.
affine = dict(type='StrongAffine', prob=0.5, translate=0.1, rotate=30.0, shear=30.0)
stac_steps = dict(
    color_and_affine=dict(
        type='RandomChoice', transforms=[[one_color, affine], [affine, one_color]]
    ),
    cutout=dict(type='StrongSquares', max_number=5, max_side=0.2),
)

# VOC: more RoIs, and predictions with another suppression and from another score on, in tests and as labels.
voc_settings = dict(
    train_cfg=dict(rcnn=dict(sampler=dict(num=256))),
    test_cfg=dict(rcnn=dict(score_thr=0.0001, nms=dict(iou_threshold=0.3))),
)
voc_resize = dict(type='Resize', scale=(1000, 600), keep_ratio=True)
