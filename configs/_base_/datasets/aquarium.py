"""Aquarium (CC BY 4.0): fish, sharks, jellyfish, birds behind glass, small and crowded; 60 images labeled.

The rest is unlabeled. FOLD in the environment chooses the draw.

tools/dataset/split.py data/aquarium/train.json --protocol count --count 60 --fold 0 1 2
"""

_base_ = './small_images.py'

data_root = 'data/aquarium/'
fold = '{{$FOLD:0}}'
classes = ('fish', 'jellyfish', 'penguin', 'puffin', 'shark', 'starfish', 'stingray')
metainfo = dict(classes=classes)
labeled = dict(
    data_root=data_root,
    ann_file=f'train.{fold}@60images.json',
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
            images=f'{data_root}train.{fold}@60images-unlabeled.json',
            data_prefix=dict(img=data_root + 'images/'),
        ),
    )
)
val_dataloader = dict(dataset=val)
test_dataloader = dict(dataset=val)
val_evaluator = dict(
    ann_file=data_root + val['ann_file'],
    train_ann_file=data_root + labeled['ann_file'],
    num_rare=2,
)
test_evaluator = val_evaluator
