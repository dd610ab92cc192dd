"""COCO-full in MixPL's views, 4 labeled and 4 unlabeled images per GPU."""

_base_ = ['./coco_full.py', '../mixpl_views.py']

semi_train_dataloader = dict(
    batch_size=8,
    num_workers=8,
    sampler=dict(counts=dict(labeled=4, unlabeled=4), **_base_.mixpl_sampler),
    **_base_.mixpl_loader,
)
