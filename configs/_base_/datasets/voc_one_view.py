"""VOC with one view of the unlabeled images."""

_base_ = ['./voc.py', '../one_view.py']

semi_train_dataloader = _base_.one_view_loader
