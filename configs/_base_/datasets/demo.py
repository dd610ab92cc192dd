"""The demo's drawn shapes, ten long-tailed classes at 160 px: 50 labeled images, 950 unlabeled, 200 to evaluate on.

tools/dataset/make_demo_data.py --out data/demo
"""

_base_ = './small_images.py'

data_root = 'data/demo/'
classes = ('blob', 'leaf', 'arrow', 'star', 'drop', 'crescent', 'zigzag', 'cross', 'gear', 'ring')
metainfo = dict(classes=classes)
scale = (160, 160)
resize = dict(resize=dict(scale=scale))
labeled = dict(
    data_root=data_root,
    ann_file='train.json',
    data_prefix=dict(img='labeled/'),
    metainfo=metainfo,
    pipeline=resize,
)
test_resize = dict(type='Resize', scale=scale, keep_ratio=True)
test_pipeline = list({**_base_.test_steps, 'resize': test_resize}.values())
val = dict(
    data_root=data_root,
    ann_file='val.json',
    data_prefix=dict(img='val/'),
    metainfo=metainfo,
    pipeline=test_pipeline,
)

train_dataloader = dict(dataset=dict(labeled=labeled))
semi_train_dataloader = dict(
    dataset=dict(labeled=labeled, unlabeled=dict(images=data_root + 'unlabeled', pipeline=resize))
)
val_dataloader = dict(dataset=val)
test_dataloader = dict(dataset=val)
val_evaluator = dict(
    ann_file=data_root + val['ann_file'],
    train_ann_file=data_root + labeled['ann_file'],
    num_rare=5,
)
test_evaluator = val_evaluator
