"""COCO-partial in MixPL's views, 1 labeled and 4 unlabeled images per GPU."""

_base_ = ['./coco_partial.py', '../mixpl_views.py']

semi_train_dataloader = dict(
    batch_size=5,
    num_workers=5,
    sampler=dict(counts=dict(labeled=1, unlabeled=4), **_base_.mixpl_sampler),
    **_base_.mixpl_loader,
)
