"""The aquarium of aquarium.py at 416 px, for YOLOX-Nano."""

_base_ = ['./aquarium.py', './jitter_416.py']

labeled_416 = dict(pipeline=dict(**_base_.jitter_416, pack=_base_.pack))
branch_416 = dict(type='MultiBranch', branch_field=_base_.branches, labeled=_base_.pack)
semi_labeled_416 = dict(pipeline=dict(**_base_.jitter_416, branch=branch_416))
strong_416 = dict(**_base_.strong_jitter_416, **_base_.strong_steps, pack=_base_.pack)
unlabeled_416 = dict(**_base_.resize_416, views=dict(strong=strong_416))
test_416 = list({**_base_.test_steps, 'resize': _base_.test_resize_416}.values())

train_dataloader = dict(dataset=dict(labeled=labeled_416))
semi_train_dataloader = dict(
    sampler=_base_.counts_416,
    dataset=dict(labeled=semi_labeled_416, unlabeled=dict(pipeline=unlabeled_416)),
)
val_dataloader = dict(dataset=dict(pipeline=test_416))
test_dataloader = val_dataloader
