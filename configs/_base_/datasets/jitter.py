"""Steps of labeled images in small sets: size and colors change at random; `resize` and `crop` want a size.

A few dozen images in one size are learned by heart.
"""

jitter = dict(
    load=dict(type='LoadWholeImage'),
    annotations=dict(type='LoadAnnotations', with_bbox=True),
    resize=dict(type='RandomResize', ratio_range=(0.6, 1.6), keep_ratio=True),
    crop=dict(type='RandomCrop', allow_negative_crop=True),
    flip=dict(type='RandomFlip', prob=0.5),
    color=dict(type='ColorJitter', prob=0.8),
)
