"""VOC: 07 trainval labeled, 12 trainval unlabeled, 07 test; short side 600.

The three json files are VOC's annotations in COCO's format, written by

    tools/dataset/voc_to_coco.py data/VOCdevkit
"""

_base_ = './coco_json.py'

data_root = 'data/VOCdevkit/'
classes = (
    'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow',
    'diningtable', 'dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor',
)  # fmt: skip
metainfo = dict(classes=classes)
scale = (1333, 600)
labeled = dict(
    iscrowd='object',  # difficult objects, as in Detectron2; 'ignored' leaves them and what lies on them out
    data_root=data_root,
    ann_file='annotations/voc07_trainval.json',
    data_prefix=dict(img='VOC2007/JPEGImages/'),
    metainfo=metainfo,
    pipeline=dict(resize=dict(scale=scale)),
)
test_resize = dict(type='Resize', scale=scale, keep_ratio=True)
test_pipeline = list({**_base_.test_steps, 'resize': test_resize}.values())
val = dict(
    data_root=data_root,
    ann_file='annotations/voc07_test.json',
    data_prefix=dict(img='VOC2007/JPEGImages/'),
    metainfo=metainfo,
    pipeline=test_pipeline,
)

train_dataloader = dict(dataset=dict(labeled=labeled))
semi_train_dataloader = dict(
    dataset=dict(
        labeled=labeled,
        unlabeled=dict(
            images=data_root + 'annotations/voc12_trainval.json',
            data_prefix=dict(img=data_root + 'VOC2012/JPEGImages/'),
            pipeline=dict(resize=dict(scale=scale)),
        ),
    )
)
val_dataloader = dict(dataset=val)
test_dataloader = dict(dataset=val)
# COCO's figures (coco/bbox_mAP, _50, _75) and VOC's, 11 points as in 2007 (pascal_voc/mAP, AP50, AP75).
val_evaluator = [
    dict(type='CocoBoxMetric', ann_file=data_root + val['ann_file'], metric='bbox'),
    dict(type='VOCBoxMetric', eval_mode='11points'),
]
test_evaluator = val_evaluator
