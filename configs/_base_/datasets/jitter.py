"""Steps of small sets: size and colors change at random; `resize` and `crop` want a size.

A few dozen labeled images in one size are learned by heart. The strong view of unlabeled images changes its size
likewise, so that a student learns of an object at other sizes than its teacher sees it in.
"""

jitter = dict(
    load=dict(type='LoadWholeImage'),
    annotations=dict(type='LoadAnnotations', with_bbox=True),
    resize=dict(type='RandomResize', ratio_range=(0.6, 1.6), keep_ratio=True),
    crop=dict(type='RandomCrop', allow_negative_crop=True),
    flip=dict(type='RandomFlip', prob=0.5),
    color=dict(type='ColorJitter', prob=0.8),
)
strong_jitter = dict(  # what precedes the strong steps
    _delete_=True,
    type='Steps',
    resize=jitter['resize'],
    crop=jitter['crop'],
    flip=jitter['flip'],
)
