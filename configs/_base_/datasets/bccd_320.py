"""BCCD blood cells at 320 px, for YOLOX-Nano: 20 images of train labeled, the rest unlabeled.

FOLD in the environment chooses the draw.

tools/dataset/split.py data/bccd/train.json --protocol count --count 20 --fold 0 1 2
"""

_base_ = './bccd.py'

fold = '{{$FOLD:0}}'
labeled_json = f'train.{fold}@20images.json'
unlabeled_json = f'data/bccd/train.{fold}@20images-unlabeled.json'
scale = (320, 320)
resize = dict(pipeline=dict(resize=dict(scale=scale)))
test_resize = dict(type='Resize', scale=scale, keep_ratio=True)
test_pipeline = list({**_base_.test_steps, 'resize': test_resize}.values())

train_dataloader = dict(dataset=dict(labeled=dict(ann_file=labeled_json, **resize)))
semi_train_dataloader = dict(
    dataset=dict(
        labeled=dict(ann_file=labeled_json, **resize),
        unlabeled=dict(images=unlabeled_json, **resize),
    )
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
val_evaluator = dict(train_ann_file=_base_.data_root + labeled_json)
test_evaluator = val_evaluator
