"""COCO-partial in Soft Teacher's views, 1 labeled and 4 unlabeled images per GPU."""

_base_ = ['./coco_partial.py', '../soft_teacher_views.py']

semi_train_dataloader = dict(
    batch_size=5,
    num_workers=5,
    sampler=dict(counts=dict(labeled=1, unlabeled=4)),
    **_base_.soft_teacher_loader,
)
