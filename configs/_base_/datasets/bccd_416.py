"""BCCD blood cells at 416 px, for YOLOX-Nano: 20 images of train labeled, the rest unlabeled.

FOLD in the environment chooses the draw.

tools/dataset/split.py data/bccd/train.json --protocol count --count 20 --fold 0 1 2
"""

_base_ = ['./bccd.py', './jitter_416.py']

fold = '{{$FOLD:0}}'
labeled_json = f'train.{fold}@20images.json'
unlabeled_json = f'data/bccd/train.{fold}@20images-unlabeled.json'
labeled_416 = dict(pipeline=dict(**_base_.jitter_416, pack=_base_.pack))
branch_416 = dict(type='MultiBranch', branch_field=_base_.branches, labeled=_base_.pack)
semi_labeled_416 = dict(pipeline=dict(**_base_.jitter_416, branch=branch_416))
strong_416 = dict(**_base_.strong_jitter_416, **_base_.strong_steps, pack=_base_.pack)
unlabeled_416 = dict(**_base_.resize_416, views=dict(strong=strong_416))
test_416 = list({**_base_.test_steps, 'resize': _base_.test_resize_416}.values())

train_dataloader = dict(dataset=dict(labeled=dict(ann_file=labeled_json, **labeled_416)))
semi_train_dataloader = dict(
    sampler=_base_.counts_416,
    dataset=dict(
        labeled=dict(ann_file=labeled_json, **semi_labeled_416),
        unlabeled=dict(images=unlabeled_json, pipeline=unlabeled_416),
    ),
)
val_dataloader = dict(dataset=dict(pipeline=test_416))
test_dataloader = val_dataloader
val_evaluator = dict(train_ann_file=_base_.data_root + labeled_json)
test_evaluator = val_evaluator
