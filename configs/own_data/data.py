"""Your data: the one place for paths and classes. teacher.py and student.py beside this file need no change.

Labeled images and those to evaluate on come as COCO json; unlabeled ones as a folder, a glob, a text list or a json.
"""

_base_ = '../_base_/datasets/small_images.py'

classes = ('cat', 'dog')
labeled_json, labeled_images = 'data/own/train.json', 'data/own/images/'
val_json, val_images = 'data/own/val.json', 'data/own/images/'
unlabeled_images = 'data/own/unlabeled/'

metainfo = dict(classes=classes)
labeled = dict(ann_file=labeled_json, data_prefix=dict(img=labeled_images), metainfo=metainfo)
val = dict(ann_file=val_json, data_prefix=dict(img=val_images), metainfo=metainfo)

train_dataloader = dict(dataset=dict(labeled=labeled))
semi_train_dataloader = dict(dataset=dict(labeled=labeled, unlabeled=dict(images=unlabeled_images)))
val_dataloader = dict(dataset=val)
test_dataloader = dict(dataset=val)
val_evaluator = dict(ann_file=val_json)
test_evaluator = val_evaluator
