"""VOC in Semi-DETR's views, 1 labeled and 4 unlabeled images per GPU; tests at DINO's size."""

_base_ = ['./voc.py', '../semi_detr_views.py']

semi_train_dataloader = dict(
    batch_size=5,
    num_workers=5,
    sampler=dict(counts=dict(labeled=1, unlabeled=4)),
    **_base_.semi_detr_loader,
)
test_resize = dict(type='Resize', scale=(1333, 800), keep_ratio=True)
test_pipeline = list({**_base_.test_steps, 'resize': test_resize}.values())
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
