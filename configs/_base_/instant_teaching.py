"""Instant-Teaching (Zhou et al., CVPR 2021): what its recipes have in common. Values: its public code.

Not known of it, and ours: the strengths of brightness, contrast, color and blur (MMDetection's example with
Albumentations), the order of the strong augmentation, whether mixup and mosaic are equally likely, the size of test
images, and what becomes of unlabeled images without a target.
"""

instant_teaching = dict(
    detector=dict(
        train_cfg=dict(rcnn=dict(sampler=dict(num=64))),
        test_cfg=dict(rcnn=dict(score_thr=0.001)),
    ),
    labeler=dict(_delete_=True, type='SelfLabeler'),
    selector=dict(type='SoftSelector', certainty='p'),
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
)
multi_scale = dict(
    _delete_=True, type='RandomResize', scale=[(1024, 500), (1024, 800)], keep_ratio=True
)

# mmcv's RandomApply and RandomChoice: one of two, each as likely.
shift = [dict(type='ChannelShift', limit=10.0, prob=1.0)], [dict(type='HSVShift', prob=1.0)]
blur = [dict(type='BoxBlur', size=3, prob=1.0)], [dict(type='MedianBlur', size=3, prob=1.0)]
instant_strong = dict(
    _delete_=True,
    type='Steps',
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
