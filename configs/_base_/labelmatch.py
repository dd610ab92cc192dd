"""LabelMatch (Chen et al., CVPR 2022): what its recipes have in common. Values: its public code."""

labelmatch = dict(
    type='LabelMatchDetector',
    labeler=dict(type='RescoringTeacher'),
    balancer=dict(
        type='MatchingBalancer',
        threshold=0.9,  # until 1000 images were seen
        share=1.0,
        recent=10000,
        first=1000,
        limits=(0.05, 1.0),
    ),
    reliable_share=0.2,
    temperature=0.5,
    promoted_score=0.8,
    promoted_iou=0.8,
    unsup_weight=2.0,
    empty_images='background',
    predict_with='teacher',
)
labelmatch_hooks = dict(ema_teacher=dict(type='EMATeacherHook', ema_decay=0.996, burn_in=0))
constant_rate = [dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=1000)]

# The teacher sees short edges of 500 to 800; what is learned is 0.2 to 1.8 times 1024 px large, labeled images in other
# colors, unlabeled ones also with Cutout. Colors and Cutout are Unbiased Teacher's.
any_size = dict(type='RandomResize', scale=(1024, 1024), ratio_range=(0.2, 1.8), keep_ratio=True)
short_edge = dict(type='RandomResize', scale=[(1333, 500), (1333, 800)], keep_ratio=True)
flip = dict(type='RandomFlip', prob=0.5)
colors = dict(
    color=dict(type='ColorJitter', prob=0.8),
    gray=dict(type='StrongGrayscale', prob=0.2),
    blur=dict(type='GaussianBlur', prob=0.5),
)
cutout = dict(type='StrongCutout', prob=1.0)
view_pack = dict(
    type='PackDetInputs',
    meta_keys=(
        'img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor',
        'flip', 'flip_direction', 'homography_matrix',
    ),
)  # fmt: skip
labelmatch_views = dict(
    labeled=dict(
        pipeline=dict(
            resize=dict(_delete_=True, **any_size),
            branch=dict(labeled=dict(_delete_=True, type='Steps', **colors, pack=view_pack)),
        )
    ),
    unlabeled=dict(
        pipeline=dict(
            _delete_=True,
            load=dict(type='LoadWholeImage'),
            views=dict(
                type='MultiBranch',
                branch_field=['labeled', 'weak', 'strong'],
                weak=dict(type='Steps', resize=short_edge, flip=flip, pack=view_pack),
                strong=dict(
                    type='Steps',
                    resize=any_size,
                    flip=flip,
                    **colors,
                    cutout=cutout,
                    pack=view_pack,
                ),
            ),
        )
    ),
)
