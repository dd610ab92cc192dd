"""STAC (Sohn et al., 2020): what its recipes have in common. Values: its public code."""

stac_detector = dict(train_cfg=dict(rcnn=dict(sampler=dict(num=64))))
stac = dict(
    selector=dict(certainty='p'),
    balancer=dict(threshold=0.9),
    unsup_weight=2.0,
    empty_images='skip',
)

short_edge = dict(type='RandomResize', scale=[(1333, 500), (1333, 800)], keep_ratio=True)
# The teacher sees each image as a test does and without a flip: so its labels are those of a file made beforehand.
test_edge = dict(type='Resize', scale=(1333, 800), keep_ratio=True)

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
