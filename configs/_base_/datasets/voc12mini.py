"""A part of VOC 2012 at 192 px: 10 % of train labeled, the rest unlabeled.

tools/dataset/split.py data/voc12mini/train.json --percent 10 --fold 3

Of the folds 1 to 5 it is the first of the two that leave the fewest classes, three, without a labeled box. Difficult
objects (iscrowd in the jsons) are background in training, as in all figures of docs/results; not evaluated.
"""

_base_ = './small_images.py'

data_root = 'data/voc12mini/'
classes = (
    'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow',
    'diningtable', 'dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor',
)  # fmt: skip
metainfo = dict(classes=classes)
scale = (
    192,
    192,
)  # most objects are large, and three trainings of two cores are to end within an hour
labeled = dict(
    data_root=data_root,
    ann_file='train.3@10.json',
    data_prefix=dict(img='images/'),
    metainfo=metainfo,
)
# With so few labels, scale and color jitter: otherwise it overfits to 182 images.
labeled_steps = dict(
    _delete_=True,
    load=dict(type='LoadWholeImage'),
    annotations=dict(type='LoadAnnotations', with_bbox=True),
    resize=dict(type='RandomResize', scale=scale, ratio_range=(0.75, 1.25), keep_ratio=True),
    crop=dict(type='RandomCrop', crop_size=scale, allow_negative_crop=True),
    flip=dict(type='RandomFlip', prob=0.5),
    color=dict(type='ColorJitter', prob=0.8),
    gray=dict(type='StrongGrayscale', prob=0.2),
)
test_resize = dict(type='Resize', scale=scale, keep_ratio=True)
test_pipeline = list({**_base_.test_steps, 'resize': test_resize}.values())
val = dict(
    data_root=data_root,
    ann_file='val.json',
    data_prefix=dict(img='images/'),
    metainfo=metainfo,
    pipeline=test_pipeline,
)

train_dataloader = dict(
    dataset=dict(labeled=dict(**labeled, pipeline=dict(**labeled_steps, pack=_base_.pack)))
)
semi_train_dataloader = dict(
    dataset=dict(
        labeled=dict(
            **labeled,
            pipeline=dict(
                **labeled_steps,
                branch=dict(type='MultiBranch', branch_field=_base_.branches, labeled=_base_.pack),
            ),
        ),
        unlabeled=dict(
            images=data_root + 'train.3@10-unlabeled.json',
            data_prefix=dict(img=data_root + 'images/'),
            pipeline=dict(resize=dict(scale=scale)),
        ),
    )
)
val_dataloader = dict(dataset=val)
test_dataloader = dict(dataset=val)
val_evaluator = dict(
    ann_file=data_root + val['ann_file'],
    train_ann_file=data_root + labeled['ann_file'],
    num_rare=14,
)
test_evaluator = val_evaluator
