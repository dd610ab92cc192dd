"""The steps of jitter.py at 416 px, the size of YOLOX-Nano."""

_base_ = './jitter.py'

scale_416 = (416, 416)
sizes_416 = {
    'resize': dict(scale=scale_416, **_base_.jitter['resize']),
    'crop': dict(crop_size=scale_416, **_base_.jitter['crop']),
    '_delete_': True,
}
jitter_416 = {**_base_.jitter, **sizes_416}
strong_jitter_416 = {**_base_.strong_jitter, **sizes_416}
resize_416 = dict(resize=dict(scale=scale_416))
test_resize_416 = dict(type='Resize', scale=scale_416, keep_ratio=True)
counts_416 = dict(
    counts=dict(labeled=2, unlabeled=6)
)  # of a student: labeled ones are known already
