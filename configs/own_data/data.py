"""Your data: the one place for paths, classes, size and length; teacher.py and student.py need no change.

Labeled images and those to evaluate on come as COCO json; unlabeled ones as a folder, a glob, a text list or a json.
"""

_base_ = '../_base_/datasets/small_images.py'

classes = ('cat', 'dog')
labeled_json, labeled_images = 'data/own/train.json', 'data/own/images/'
val_json, val_images = 'data/own/val.json', 'data/own/images/'
unlabeled_images = 'data/own/unlabeled/'
# What a list or json of unlabeled images is relative to; and, where the unlabeled folder holds other images too, the
# files that name those, such as [labeled_json, val_json].
unlabeled_prefix, not_unlabeled = '', []
scale = (256, 256)  # to which images are shrunk or enlarged, their proportions kept, px
iterations = 1000  # of the teacher, and of the student after it

metainfo = dict(classes=classes)
resize = dict(resize=dict(scale=scale))
test_resize = dict(type='Resize', scale=scale, keep_ratio=True)
test_pipeline = list({**_base_.test_steps, 'resize': test_resize}.values())
labeled = dict(
    ann_file=labeled_json,
    data_prefix=dict(img=labeled_images),
    metainfo=metainfo,
    pipeline=resize,
)
val = dict(
    ann_file=val_json,
    data_prefix=dict(img=val_images),
    metainfo=metainfo,
    pipeline=test_pipeline,
)
unlabeled = dict(
    images=unlabeled_images,
    data_prefix=dict(img=unlabeled_prefix),
    exclude=not_unlabeled,
    pipeline=resize,
)

train_dataloader = dict(dataset=dict(labeled=labeled))
semi_train_dataloader = dict(dataset=dict(labeled=labeled, unlabeled=unlabeled))
val_dataloader = dict(dataset=val)
test_dataloader = dict(dataset=val)
val_evaluator = dict(ann_file=val_json)
test_evaluator = val_evaluator
teacher_checkpoint = f'work_dirs/own_data/teacher/iter_{iterations}.pth'
