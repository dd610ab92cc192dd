"""Instant-Teaching (Zhou et al., CVPR 2021): what its recipes have in common. Values: its public code."""

instant_teaching = dict(
    detector=dict(
        roi_head=dict(type='ClassWeightedRoIHead'),
        train_cfg=dict(rcnn=dict(sampler=dict(num=64))),
        test_cfg=dict(rcnn=dict(score_thr=0.001)),
    ),
    labeler=dict(_delete_=True, type='SelfLabeler'),
    selector=dict(certainty='p'),
    balancer=dict(threshold=0.9),
    mixer=dict(
        type='RandomMixer',
        prob=0.5,
        mixers=dict(
            mixup=dict(type='MixUp', alpha=1.0),
            mosaic=dict(type='TwoImageMosaic', cut_range=(0.25, 0.75), min_part=0.25),
        ),
    ),
    unsup_weight=1.0,
    empty_images='background',
)
# The source's loss is the mean over labeled and unlabeled images, ours the sum of both: the same steps as half the rate
# with twice the weight decay, gradients being clipped at twice the norm.
instant_optimizer = dict(
    optimizer=dict(lr=0.005, weight_decay=0.0002), clip_grad=dict(max_norm=2 * 35.0)
)
# 80 and 110 of 120 epochs.
instant_schedule = [
    dict(type='LinearLR', start_factor=1 / 3, by_epoch=False, begin=0, end=200),
    dict(type='ShareStepLR', shares=(2 / 3, 11 / 12), gamma=0.1, by_epoch=False),
]
instant_test_resize = dict(type='Resize', scale=(1024, 800), keep_ratio=True)
# Drawn for each view by itself.
multi_scale = dict(type='RandomResize', scale=[(1024, 500), (1024, 800)], keep_ratio=True)

# mmcv's RandomApply and RandomChoice: one of two, each as likely.
shift = [dict(type='ChannelShift', limit=10.0, prob=1.0)], [dict(type='HSVShift', prob=1.0)]
blur = [dict(type='BoxBlur', size=3, prob=1.0)], [dict(type='MedianBlur', size=3, prob=1.0)]
instant_strong = dict(
    flip=dict(type='RandomFlip', prob=0.5),
    cutout=dict(
        type='RandomApply',
        prob=0.5,
        transforms=[dict(type='CutOut', n_holes=8, cutout_shape=(8, 8))],
    ),
    tone=dict(type='BrightnessContrast', prob=0.2),
    shift=dict(
        type='RandomApply', prob=0.2, transforms=[dict(type='RandomChoice', transforms=shift)]
    ),
    jpeg=dict(type='JPEGCompression', min_quality=85, max_quality=95, prob=0.2),
    shuffle=dict(type='ChannelShuffle', prob=0.2),
    blur=dict(
        type='RandomApply', prob=0.2, transforms=[dict(type='RandomChoice', transforms=blur)]
    ),
)
