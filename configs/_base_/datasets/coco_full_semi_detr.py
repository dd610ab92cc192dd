"""COCO-full in Semi-DETR's views, 4 labeled and 4 unlabeled images per GPU."""

_base_ = ['./coco_full.py', '../semi_detr_views.py']

semi_train_dataloader = dict(
    batch_size=8,
    num_workers=8,
    sampler=dict(counts=dict(labeled=4, unlabeled=4)),
    **_base_.semi_detr_loader,
)
