"""Steps of small data sets at 416 px, the size of YOLOX-Nano: size and colors of labeled images change at random.

Fixed sizes are learned by heart: of 60 aquarium images the detector gains three AP by the jitter (docs/results).
"""

scale_416 = (416, 416)
jitter_416 = dict(
    _delete_=True,
    load=dict(type='LoadWholeImage'),
    annotations=dict(type='LoadAnnotations', with_bbox=True),
    resize=dict(type='RandomResize', scale=scale_416, ratio_range=(0.6, 1.6), keep_ratio=True),
    crop=dict(type='RandomCrop', crop_size=scale_416, allow_negative_crop=True),
    flip=dict(type='RandomFlip', prob=0.5),
    color=dict(type='ColorJitter', prob=0.8),
)
resize_416 = dict(resize=dict(scale=scale_416))
test_resize_416 = dict(type='Resize', scale=scale_416, keep_ratio=True)
