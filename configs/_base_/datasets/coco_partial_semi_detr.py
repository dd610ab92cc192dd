"""COCO-partial in Semi-DETR's views, 1 labeled and 2 unlabeled images per GPU."""

_base_ = ['./coco_partial.py', '../semi_detr_views.py']

semi_train_dataloader = dict(
    batch_size=3,
    num_workers=3,
    sampler=dict(counts=dict(labeled=1, unlabeled=2)),
    **_base_.semi_detr_loader,
)
