"""COCO-full: all of train2017 labeled, unlabeled2017 unlabeled."""

_base_ = './coco_json.py'

data_root = 'data/coco/'
labeled = dict(
    data_root=data_root,
    ann_file='annotations/instances_train2017.json',
    data_prefix=dict(img='train2017/'),
)
val = dict(
    data_root=data_root,
    ann_file='annotations/instances_val2017.json',
    data_prefix=dict(img='val2017/'),
)

train_dataloader = dict(dataset=dict(labeled=labeled))
semi_train_dataloader = dict(
    dataset=dict(
        labeled=labeled,
        unlabeled=dict(
            images=data_root + 'annotations/image_info_unlabeled2017.json',
            data_prefix=dict(img=data_root + 'unlabeled2017/'),
        ),
    )
)
val_dataloader = dict(dataset=val)
test_dataloader = dict(dataset=val)
val_evaluator = dict(
    ann_file=data_root + val['ann_file'],
    train_ann_file=data_root + labeled['ann_file'],
    num_rare=10,
)
test_evaluator = val_evaluator
