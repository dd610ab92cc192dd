"""COCO-full with one view of the unlabeled images."""

_base_ = ['./coco_full.py', '../one_view.py']

semi_train_dataloader = _base_.one_view_loader
