"""BCCD blood cells, 640x480 shown at 256 px: 10 % of train labeled, the rest unlabeled.

tools/dataset/split.py data/bccd/train.json --percent 10 --fold 1
"""

_base_ = './small_images.py'

data_root = 'data/bccd/'
classes = ('RBC', 'WBC', 'Platelets')
metainfo = dict(classes=classes)
labeled = dict(
    data_root=data_root,
    ann_file='train.1@10.json',
    data_prefix=dict(img='images/'),
    metainfo=metainfo,
)
val = dict(
    data_root=data_root, ann_file='val.json', data_prefix=dict(img='images/'), metainfo=metainfo
)

train_dataloader = dict(dataset=dict(labeled=labeled))
semi_train_dataloader = dict(
    dataset=dict(
        labeled=labeled,
        unlabeled=dict(
            images=data_root + 'train.1@10-unlabeled.json',
            data_prefix=dict(img=data_root + 'images/'),
        ),
    )
)
val_dataloader = dict(dataset=val)
test_dataloader = dict(dataset=val)
val_evaluator = dict(
    ann_file=data_root + val['ann_file'], train_ann_file=data_root + labeled['ann_file'], num_rare=1
)
test_evaluator = val_evaluator
