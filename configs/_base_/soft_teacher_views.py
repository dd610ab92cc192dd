"""Soft Teacher's views, of mmdet's transforms: the short side between 400 and 1200, drawn for each view anew.

Fast* are mmdet's, too: the same pixels in less time.

Labeled images: flip and one color operation. Strong views: flip, one color operation and one affine one in random
order, and up to four squares erased. The numbers are those of mmdet's recipe.
"""

colors = [
    [dict(type=name)]
    for name in (
        'ColorTransform', 'FastAutoContrast', 'FastEqualize', 'FastSharpness', 'Posterize',
        'FastSolarize', 'FastColor', 'FastContrast', 'FastBrightness',
    )
]  # fmt: skip
affine = [[dict(type=name)] for name in ('Rotate', 'ShearX', 'ShearY', 'TranslateX', 'TranslateY')]
one_color = dict(type='RandAugment', aug_space=colors, aug_num=1)
one_affine = dict(type='RandAugment', aug_space=affine, aug_num=1)
soft_teacher_pack = dict(
    type='PackDetInputs',
    meta_keys=(
        'img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor',
        'flip', 'flip_direction', 'homography_matrix',
    ),
)  # fmt: skip
soft_teacher_branches = ['labeled', 'weak', 'strong']
random_size = dict(
    resize=dict(type='RandomResize', scale=[(1333, 400), (1333, 1200)], keep_ratio=True),
    flip=dict(type='RandomFlip', prob=0.5),
)
soft_teacher_labeled = dict(
    _delete_=True,
    load=dict(type='LoadWholeImage'),
    annotations=dict(type='LoadAnnotations', with_bbox=True),
    **random_size,
    color=one_color,
    branch=dict(type='MultiBranch', branch_field=soft_teacher_branches, labeled=soft_teacher_pack),
)
soft_teacher_unlabeled = dict(
    _delete_=True,
    load=dict(type='LoadWholeImage'),
    views=dict(
        type='MultiBranch',
        branch_field=soft_teacher_branches,
        weak=dict(type='Steps', **random_size, pack=soft_teacher_pack),
        strong=dict(
            type='Steps',
            **random_size,
            augment=dict(type='RandomOrder', transforms=[one_color, one_affine]),
            erase=dict(type='RandomErasing', n_patches=(1, 5), ratio=(0, 0.2)),
            pack=soft_teacher_pack,
        ),
    ),
)
soft_teacher_loader = dict(
    dataset=dict(
        labeled=dict(pipeline=soft_teacher_labeled),
        unlabeled=dict(pipeline=soft_teacher_unlabeled),
    )
)
